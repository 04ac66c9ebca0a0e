/** The command line of the benches: `[NAME] [--rounds N] [--seconds N] [--out FILE]`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "../lib/run.ts";
import { fetchImports, setUp } from "../setup.ts";
import { insideWorld, inWorld } from "../lab/world.ts";

/** What the user chose. */
export interface BenchOptions {
  rounds: number;
  seconds: number;
  /** Where the result goes as JSON as well. */
  out: string | undefined;
}

/**
 * Reads it.
 * @param own names of options that the bench reads itself
 * @throws Failure
 */
export function benchOptions(
  name: string,
  defaults: { rounds: number; seconds: number },
  own: readonly string[] = [],
): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...Deno.args],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(own.map((option) => [option, { type: "string" as const }])),
      rounds: { type: "string", default: String(defaults.rounds) },
      seconds: { type: "string", default: String(defaults.seconds) },
      out: { type: "string" },
    },
  });
  if (positionals.some((word) => word !== name)) throw new Failure(`bench ${name} takes options only`);
  const [rounds, seconds] = [Number(values["rounds"]), Number(values["seconds"])];
  if (!(rounds >= 1 && seconds >= 1)) throw new Failure("--rounds and --seconds are numbers of at least 1");
  // `deno task` changes into the clone; INIT_CWD is where the user is.
  const to = values["out"];
  const out = typeof to === "string" ? resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), to) : undefined;
  return { rounds, seconds, out };
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
