/** What the times bench reads out of a ping's output, and what it holds against the goals. Pure. */
import type { Line } from "../lab/process.ts";
import { quantile } from "../lib/stats.ts";

/**
 * Ms from the first packet that a ping sent to the first answer, by sequence numbers, so that what starting the ping takes does not
 * count; null when nothing was answered.
 * @param intervalMs between two packets
 */
export function firstReply(lines: readonly Line[], intervalMs: number): number | null {
  for (const { text } of lines) {
    const answer = /icmp_seq=(\d+) .*time=([\d.]+) ms/.exec(text);
    if (answer) return (Number(answer[1]) - 1) * intervalMs + Number(answer[2]);
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
