/** A ping that runs while something happens, and what became of each of its packets. */
import { median } from "../lib/stats.ts";
import type { Host } from "./lab.ts";
import { type Process, waitFor } from "./process.ts";

/** What a ping measured. */
export interface PingResult {
  sent: number;
  received: number;
  /**
   * Packets without an answer, by sequence number. Those before the first that was answered do not count, since the peer was not
   * there yet (`firstMs` tells of that), nor do those still under way when it was stopped.
   */
  lost: number[];
  /** Ms from its start to the first answer. */
  firstMs: number;
  /** By how many packets the latest answer came late: 0 is in order. */
  reordered: number;
  /** The longest time between two answers, in ms. */
  longestGapMs: number;
  medianMs: number;
}

const ANSWER = /icmp_seq=(\d+) .*time=([\d.]+) ms/;

/** A running ping. */
export class Ping {
  readonly process: Process;
  readonly started = performance.now();
  #interval: number;

  /** @param intervalMs between two packets */
  constructor(host: Host, address: string, intervalMs = 5) {
    this.#interval = intervalMs;
    // Its first line, which comes with the first packet, is not held back until there is an answer.
    const argv = ["stdbuf", "-oL", "ping", "-n", "-i", String(intervalMs / 1000), "-s", "56", address];
    this.process = host.spawn(`ping ${address}`, argv);
  }

  /** Waits for the first answer and gives when it came (`performance.now()`). */
  async first(timeout = 30_000): Promise<{ at: number }> {
    return await this.process.line(ANSWER, { timeout });
  }

  /**
   * Waits for so many answers from now on. The end of a ping does not tell that they come: what is sent every millisecond is sent
   * every ten while nothing is answered, and its last 200 ms are not judged.
   */
  async goesOn(answers = 300): Promise<void> {
    const { lines, name } = this.process;
    const from = lines.length;
    await waitFor(`${answers} more answers to ${name}`, () => {
      return lines.length - from >= answers &&
        lines.slice(from).filter(({ text }) => ANSWER.test(text)).length >= answers;
    });
  }

  /** Sends on for `ms`, then stops and counts. */
  async stop(ms = 0): Promise<PingResult> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.process.stop("SIGINT");
    const answers = new Map<number, { at: number; ms: number }>();
    let sent = 0;
    for (const { at, text } of this.process.lines) {
      const answer = ANSWER.exec(text);
      if (answer && !text.includes("DUP!")) answers.set(Number(answer[1]), { at, ms: Number(answer[2]) });
      const summary = /^(\d+) packets transmitted/.exec(text);
      if (summary) sent = Number(summary[1]);
    }
    const times = [...answers.values()];
    let [newest, reordered] = [0, 0];
    for (const seq of answers.keys()) {
      reordered = Math.max(reordered, newest - seq);
      newest = Math.max(newest, seq);
    }
    // Answers take a moment: a packet counts as lost when 200 ms went by without its answer.
    const judged = Math.max(newest, sent - Math.ceil(200 / this.#interval));
    const lost = [];
    const first = answers.size === 0 ? 1 : Math.min(...answers.keys());
    for (let seq = first; seq <= judged; seq++) if (!answers.has(seq)) lost.push(seq);
    let longestGapMs = 0;
    times.forEach(({ at }, i) => longestGapMs = Math.max(longestGapMs, i === 0 ? 0 : at - times[i - 1]!.at));
    const firstMs = (times[0]?.at ?? Infinity) - this.started;
    const medianMs = median(times.map((t) => t.ms));
    return { sent, received: answers.size, lost, reordered, firstMs, longestGapMs, medianMs };
  }
}

/** "0 of 1,200 lost", or which ones. */
export function lossText({ lost, sent }: PingResult): string {
  const which = lost.length === 0 ? "" : ` (${lost.slice(0, 8).join(", ")}${lost.length > 8 ? ", ..." : ""})`;
  return `${lost.length} of ${sent} lost${which}`;
}
