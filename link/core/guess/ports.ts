/** Which ports of the hard side's NAT are tried, in which order. */
import { HIGHEST_PORT, LOWEST_PORT } from "./limits.ts";

/** An arithmetic row of ports: `from`, `from + step`, ... */
export interface PortRow {
  from: number;
  /** Not 0; negative for allocators that count down. */
  step: number;
  count: number;
}

/** Between two mappings of one machine others may take a port or two of a sequential allocator. */
const MAX_STEP = 32;
/** Fewer samples than this say nothing. */
const MIN_SAMPLES = 3;

/**
 * Where a sequential allocator goes on, or null when it is none: from the outer ports of fresh mappings in the order in which
 * they were made.
 * @param expected mappings that are to come; the row is twice as long, because others are served meanwhile
 */
export function predict(samples: readonly number[], expected: number): PortRow | null {
  if (samples.length < MIN_SAMPLES) return null;
  const steps = samples.slice(1).map((port, i) => port - samples[i]!);
  const sign = Math.sign(steps[0]!);
  if (steps.some((step) => Math.sign(step) !== sign || step === 0 || Math.abs(step) > MAX_STEP)) return null;
  const step = sign * Math.min(...steps.map(Math.abs));
  const from = samples.at(-1)! + step;
  const room = Math.floor((step > 0 ? HIGHEST_PORT - from : from - LOWEST_PORT) / Math.abs(step)) + 1;
  const count = Math.min(2 * expected, room);
  return count > 0 ? { from, step, count } : null;
}

/**
 * All ports, each once: the predicted ones first, the others in random order.
 * @param random gives numbers from 0 up to 1
 */
export function* probeOrder(random: () => number, predicted: PortRow | null): Generator<number> {
  const done = new Set<number>();
  for (let n = 0; predicted && n < predicted.count; n++) {
    const port = predicted.from + n * predicted.step;
    if (port < LOWEST_PORT || port > HIGHEST_PORT) break;
    done.add(port);
    yield port;
  }
  // A shuffle that remembers only what it has moved (Fisher-Yates).
  const moved = new Map<number, number>();
  for (let left = HIGHEST_PORT - LOWEST_PORT + 1; left > 0; left--) {
    const pick = Math.floor(random() * left);
    const port = LOWEST_PORT + (moved.get(pick) ?? pick);
    moved.set(pick, moved.get(left - 1) ?? left - 1);
    if (!done.has(port)) yield port;
  }
}
