/** What a verb's code gets: its arguments and options, read with the types it wants, and where its output goes. */
import type { Output } from "./output/output.ts";
import type { Parsed, Table } from "./spec.ts";
import { UsageError } from "./usage_error.ts";

/** One call of a verb. */
export class Call {
  readonly out: Output;
  readonly #parsed: Parsed;

  /** All verbs, for those that are about verbs. */
  readonly table: Table;

  constructor(parsed: Parsed, out: Output, table: Table) {
    this.#parsed = parsed;
    this.out = out;
    this.table = table;
  }

  get args(): readonly string[] {
    return this.#parsed.args;
  }

  /** All options as they were read, by name. */
  get options(): Parsed["options"] {
    return this.#parsed.options;
  }

  /** Whether a switch is on. */
  flag(name: string): boolean {
    return this.#parsed.options[name] === true;
  }

  /** An option's text, undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#parsed.options[name];
    return typeof value === "string" ? value : undefined;
  }

  /** All texts of an option that may be given more than once. */
  all(name: string): readonly string[] {
    const value = this.#parsed.options[name];
    return Array.isArray(value) ? value : [];
  }

  /** A whole number. @throws UsageError */
  count(name: string, o: { min: number; max: number; otherwise: number }): number {
    const text = this.text(name);
    if (text === undefined) return o.otherwise;
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= o.min && value <= o.max) return value;
    throw this.bad(name, `Expected a whole number from ${o.min} to ${o.max}, got "${text}"`);
  }

  /** The usage error for an option's value. */
  bad(option: string, why: string): UsageError {
    return new UsageError(`--${option}: ${why}`, `see: ghostctl help ${this.#parsed.command.name}`);
  }

  /** The usage error for an argument. */
  wrong(why: string, mend = `see: ghostctl help ${this.#parsed.command.name}`): UsageError {
    return new UsageError(why, mend);
  }
}
