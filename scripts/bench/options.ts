/** The command line of the benches: `deno task bench [NAME] [--rounds N] [--seconds N] [--out FILE]`. */
import { resolve } from "node:path";
import { misuse, readOptions } from "../lib/options.ts";

/** Each is `bench_NAME.ts`; the first one is meant where none is named. */
export const BENCHES = ["paths", "gate", "flood", "times", "idle", "policy", "soak"] as const;
export const BENCH_USAGE = `deno task bench [${BENCHES.join("|")}] [--rounds N] [--seconds N] [--out FILE]`;

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
 * Reads it, behind the bench's name.
 * @param own names of whole numbers that only this bench has, with their defaults
 * @throws Misuse
 */
export function benchOptions<Own extends string = never>(
  defaults: { rounds: number; seconds: number },
  own: Record<Own, number> = {} as Record<Own, number>,
): BenchOptions<Own> {
  const text = { type: "string" } as const;
  const named = BENCHES.some((name) => name === Deno.args[0]);
  const names = Object.keys(own) as Own[];
  const usage = [BENCH_USAGE, ...names.map((name) => `[--${name} N]`)].join(" ");
  const options: Record<string, typeof text> = { rounds: text, seconds: text, out: text };
  for (const name of names) options[name] = text;
  const read = readOptions(usage, options, Deno.args.slice(named ? 1 : 0));
  const [rounds, seconds] = [Number(read["rounds"] ?? defaults.rounds), Number(read["seconds"] ?? defaults.seconds)];
  if (!(rounds >= 1 && seconds >= 1)) throw misuse("--rounds and --seconds are numbers of at least 1", usage);
  const number = (name: Own): [Own, number] => {
    const value = Number(read[name] ?? own[name]);
    if (!(Number.isInteger(value) && value >= 0)) throw misuse(`--${name} is a whole number`, usage);
    return [name, value];
  };
  // `deno task` changes into the clone; INIT_CWD is where the user is.
  const to = read["out"];
  const out = to === undefined ? undefined : resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), to);
  return { rounds, seconds, own: Object.fromEntries(names.map(number)) as Record<Own, number>, out };
}

/** Writes the JSON where the user wants it, and below the table. */
export async function tell(text: string, { out, json }: { out: string | undefined; json: unknown }): Promise<void> {
  const line = JSON.stringify(json);
  console.log(`\n${text}\n\n${line}`);
  if (out !== undefined) await Deno.writeTextFile(out, `${line}\n`);
}
