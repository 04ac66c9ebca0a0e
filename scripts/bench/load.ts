/** Programs of our own that load a gate, as the benches start and ask them: each tells what happens in JSON lines. */
import type { Host } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { createToken } from "../lab/programs.ts";
import { GATE } from "../lab/topology.ts";
import { PROJECT } from "../lib/run.ts";
import type { LoadTarget } from "./load_node.ts";

/** A running program of this folder. */
export class Load {
  readonly process: Process;

  private constructor(process: Process) {
    this.process = process;
  }

  /** Starts it on a host, with its order on standard input. */
  static start(host: Host, { file, order, args = [] }: { file: string; order: unknown; args?: string[] }): Load {
    const settings = ["--quiet", "--no-prompt", "--cached-only", "--config", `${PROJECT}/deno.json`, "-P=tools"];
    const argv = [Deno.execPath(), "run", ...settings, `${PROJECT}/scripts/bench/${file}`, ...args];
    return new Load(host.spawn(file, argv, { stdin: JSON.stringify(order) }));
  }

  /** Waits until it tells this. @param fresh only what it tells from now on */
  async told<T>(t: string, { timeout = 120_000, fresh = false } = {}): Promise<T> {
    const from = fresh ? this.process.lines.length : 0;
    return JSON.parse((await this.process.line(new RegExp(`"t":"${t}"`), { timeout, from })).text) as T;
  }

  /** All that it told of this so far. */
  all<T>(t: string): T[] {
    return this.process.lines.filter(({ text }) => text.startsWith(`{"t":"${t}"`)).map(({ text }) => JSON.parse(text));
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGTERM", 3_000);
  }
}

/** The lab's gate, and a token for the load's nodes. */
export async function targetOf(gate: Host, admin: Host): Promise<LoadTarget> {
  const { stdout } = await gate.run(["cat", "/var/lib/ghostgate/network.json"]);
  const { record } = JSON.parse(stdout) as { record: string };
  return { token: await createToken(admin, "--uses", "2"), gate: record, host: GATE };
}
