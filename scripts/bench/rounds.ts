/** Measuring several things by turns in one run, because absolute figures drift with the machine and ratios within a round do not. */

/** What each was measured at, round by round. */
export type Samples<T> = Map<string, T[]>;

/**
 * Measures all of them once in each round. Each round begins with another one, so that none profits from its place.
 * @param measure gives a sample
 */
export async function interleave<T>(
  names: readonly string[],
  { rounds, measure }: { rounds: number; measure(name: string, round: number): Promise<T> },
): Promise<Samples<T>> {
  const samples: Samples<T> = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length]!;
      samples.get(name)!.push(await measure(name, round));
    }
  }
  return samples;
}

/** The ratios of two things, round by round. */
export function ratios<T>(
  samples: Samples<T>,
  [name, base]: readonly [string, string],
  value: (sample: T) => number,
): number[] {
  const bases = samples.get(base) ?? [];
  return (samples.get(name) ?? []).map((sample, i) => value(sample) / value(bases[i]!));
}
