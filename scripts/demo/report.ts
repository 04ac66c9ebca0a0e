/** What the demo shows: progress with times while it runs, and a table of what was measured at the end. */
import { table } from "../lib/stats.ts";

/** Collects and prints. */
export class Report {
  readonly #started = performance.now();
  readonly #rows: [string, string][] = [];
  #step = "set-up";

  /** The step that runs. */
  get step(): string {
    return this.#step;
  }

  /** Begins a step. */
  begin(title: string): void {
    this.#step = title;
    console.log(`\n${title}`);
  }

  /** One line of progress. */
  say(text: string): void {
    console.log(`${((performance.now() - this.#started) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  }

  /** A measured value: told now and in the table. */
  measured(what: string, value: string): void {
    this.#rows.push([what, value]);
    this.say(`${what}: ${value}`);
  }

  /** The table of all measured values. */
  get table(): string {
    const total = `${((performance.now() - this.#started) / 1000).toFixed(1)} s`;
    return table([["measured", "value"], ...this.#rows, ["the whole demo", total]]);
  }
}

/** A number of ms for people. */
export function ms(value: number): string {
  return value < 10
    ? `${value.toFixed(1)} ms`
    : value < 10_000
    ? `${Math.round(value)} ms`
    : `${(value / 1000).toFixed(1)} s`;
}
