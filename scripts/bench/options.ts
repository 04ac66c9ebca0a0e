/** The command line of the benches: `[NAME] [--rounds N] [--seconds N] [--out FILE]`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "../lib/run.ts";
import { fetchImports, setUp } from "../setup.ts";
import { insideWorld, inWorld } from "../lab/world.ts";

/** What the user chose. */
export interface BenchOptions<Own extends string = never> {
  rounds: number;
  seconds: number;
  /** Numbers of the bench's own. */
  own: Record<Own, number>;
  /** Where the result goes as JSON as well. */
  out: string | undefined;
}

/**
 * Reads it.
 * @param own names of numbers that only this bench has, with their defaults
 * @throws Failure
 */
export function benchOptions<Own extends string = never>(
  name: string,
  defaults: { rounds: number; seconds: number },
  own: Record<Own, number> = {} as Record<Own, number>,
): BenchOptions<Own> {
  const text = (value: number) => ({ type: "string" as const, default: String(value) });
  const { values, positionals } = parseArgs({
    args: [...Deno.args],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(Object.entries<number>(own).map(([option, value]) => [option, text(value)])),
      rounds: text(defaults.rounds),
      seconds: text(defaults.seconds),
      out: { type: "string" },
    },
  });
  if (positionals.some((word) => word !== name)) throw new Failure(`bench ${name} takes options only`);
  const [rounds, seconds] = [Number(values["rounds"]), Number(values["seconds"])];
  if (!(rounds >= 1 && seconds >= 1)) throw new Failure("--rounds and --seconds are numbers of at least 1");
  const numbers = Object.fromEntries(
    Object.keys(own).map((option) => {
      const value = Number((values as Record<string, unknown>)[option]);
      if (!(Number.isInteger(value) && value >= 0)) throw new Failure(`--${option} is a whole number`);
      return [option, value];
    }),
  ) as Record<Own, number>;
  // `deno task` changes into the clone; INIT_CWD is where the user is.
  const to = values["out"];
  const out = typeof to === "string" ? resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), to) : undefined;
  return { rounds, seconds, own: numbers, out };
}

/** Outside of a world: sets up what is missing, with `more`, and runs again inside; returns there. */
export async function enterWorld(more: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  if (!inWorld()) {
    await setUp((line) => console.log(line));
    await fetchImports();
    await more();
  }
  await insideWorld();
}

/** Writes the JSON where the user wants it, and below the table. */
export async function tell(text: string, { out, json }: { out: string | undefined; json: unknown }): Promise<void> {
  const line = JSON.stringify(json);
  console.log(`\n${text}\n\n${line}`);
  if (out !== undefined) await Deno.writeTextFile(out, `${line}\n`);
}
