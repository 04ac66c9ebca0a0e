/** What the times bench reads out of a ping's output, and what it holds against the goals. Pure. */
import type { Line } from "../lab/process.ts";
import { quantile } from "../lib/stats.ts";

/**
 * Ms from the first packet that a ping sent to the first answer, so that what starting the ping takes does not count; null when nothing
 * was answered. A ping sends more slowly than it was told while nothing comes back, so an answer to a later packet is counted from the
 * line that ping writes with its first one, where that came by itself.
 * @param intervalMs between two packets
 */
export function firstReply(lines: readonly Line[], intervalMs: number): number | null {
  const start = lines.find(({ text }) => text.startsWith("PING "))?.at ?? Infinity;
  for (const { at, text } of lines) {
    const answer = /icmp_seq=(\d+) .*time=([\d.]+) ms/.exec(text);
    if (!answer) continue;
    const [before, ms] = [Number(answer[1]) - 1, Number(answer[2])];
    return before === 0 ? ms : Math.max(before * intervalMs + ms, at - start);
  }
  return null;
}

/** A limit on a part of some times. */
export interface Goal {
  what: string;
  /** 0.5 is the median, 1 the largest. */
  part: number;
  limit: number;
}

/** Whether times keep a limit; a time that never came is Infinity. */
export function judge(times: readonly number[], { part, limit }: Goal): { value: number; met: boolean } {
  const value = quantile(times, part);
  return { value, met: value <= limit };
}

/**
 * Whether somebody else's pair is measured beside our pair `i` of `pairs`: `wanted` of them, spread evenly, two after each other,
 * because our pairs are of two kinds in turn.
 */
export function isBeside(i: number, { pairs, wanted }: { pairs: number; wanted: number }): boolean {
  const twos = Math.ceil(pairs / 2);
  const before = (k: number) => Math.floor(k * Math.min(wanted, pairs) / 2 / twos);
  const k = Math.floor(i / 2);
  return wanted >= pairs || before(k + 1) > before(k);
}
