/** Measuring several things by turns in one run, because absolute figures drift with the machine and ratios within a round do not. */
import { median, medianInterval } from "../lib/stats.ts";

/** What each was measured at, round by round. */
export type Samples<T> = Map<string, T[]>;

/**
 * Measures all of them once in each round, there in one round and back in the next. So neighbours are measured right after each other in
 * every round, which matters since a busy machine changes its speed within seconds; and over two rounds a steady drift hits all alike.
 * @param names what is compared most closely side by side
 * @param measure gives a sample
 */
export async function interleave<T>(
  names: readonly string[],
  { rounds, measure }: { rounds: number; measure(name: string, round: number): Promise<T> },
): Promise<Samples<T>> {
  const samples: Samples<T> = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
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

/** A ratio as a table shows it, with where it lies with 95% confidence: "0.97 (0.94-1.01)". */
export function interval(ratios: readonly number[], digits: number): string {
  if (ratios.length === 0) return "-";
  const [low, high] = medianInterval(ratios);
  return `${median(ratios).toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

/** Fewer samples than this lie all on one side of the true median too often (2 of them half of the time, 6 in 3%). */
const ENOUGH = 6;

/** Whether ratios reach a goal: all of the interval has to lie on one side of it, otherwise the run does not tell. */
export function verdict(ratios: readonly number[], least: number): string {
  const [low, high] = medianInterval(ratios);
  if (ratios.length >= ENOUGH && low >= least) return "met";
  if (ratios.length >= ENOUGH && high < least) return "not met";
  return `open (${median(ratios) >= least ? "reached" : "missed"} so far): too ${
    ratios.length < ENOUGH ? "few rounds" : "noisy"
  } to tell`;
}
