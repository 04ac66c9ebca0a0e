/** The command line of the benches: `deno task bench [NAME] [--rounds N] [--seconds N] [--out FILE]`. */
import { resolve } from "node:path";
import { misuse, readOptions } from "../lib/options.ts";

/** Each is `bench_NAME.ts`; the first one is meant where none is named. */
export const BENCHES = ["paths", "idle", "policy"] as const;
export const BENCH_USAGE = `deno task bench [${BENCHES.join("|")}] [--rounds N] [--seconds N] [--out FILE]`;

/** What the user chose. */
export interface BenchOptions {
  rounds: number;
  seconds: number;
  /** Where the result goes as JSON as well. */
  out: string | undefined;
}

/**
 * Reads it, behind the bench's name.
 * @throws Misuse
 */
export function benchOptions(defaults: { rounds: number; seconds: number }): BenchOptions {
  const text = { type: "string" } as const;
  const named = BENCHES.some((name) => name === Deno.args[0]);
  const options = { rounds: text, seconds: text, out: text };
  const read = readOptions(BENCH_USAGE, options, Deno.args.slice(named ? 1 : 0));
  const [rounds, seconds] = [Number(read.rounds ?? defaults.rounds), Number(read.seconds ?? defaults.seconds)];
  if (!(rounds >= 1 && seconds >= 1)) throw misuse("--rounds and --seconds are numbers of at least 1", BENCH_USAGE);
  // `deno task` changes into the clone; INIT_CWD is where the user is.
  const out = read.out === undefined ? undefined : resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), read.out);
  return { rounds, seconds, out };
}

/** Writes the JSON where the user wants it, and below the table. */
export async function tell(text: string, { out, json }: { out: string | undefined; json: unknown }): Promise<void> {
  const line = JSON.stringify(json);
  console.log(`\n${text}\n\n${line}`);
  if (out !== undefined) await Deno.writeTextFile(out, `${line}\n`);
}
