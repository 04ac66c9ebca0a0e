/** Which rung is better, as data that compares: held rungs last, then the order of the ladder, then time. */
/** A rung that could carry packets now. */
export interface Option {
  /** Its place in the ladder, smaller is better. */
  rank: number;
  /** It has failed lately and is not trusted yet: better than nothing, and nothing more. */
  held: boolean;
  rttMs: number | null;
}

/** Compared from the left; smaller is better. */
export type Score = readonly [held: number, rank: number, rttMs: number];

export function score({ rank, held, rttMs }: Option): Score {
  return [Number(held), rank, rttMs ?? Infinity];
}

/** Negative when `a` is better, as `sort` wants it. */
export function compare(a: Score, b: Score): number {
  for (const [i, x] of a.entries()) if (x !== b[i]) return x < b[i]! ? -1 : 1;
  return 0;
}

/** The best option; undefined without any. */
export function best<T extends Option>(options: readonly T[]): T | undefined {
  return options.toSorted((a, b) => compare(score(a), score(b)))[0];
}
