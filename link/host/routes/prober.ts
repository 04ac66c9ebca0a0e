/**
 * Pings through the tunnel to routers that share a prefix, two a second each, for as long as they share one: so a dead one is
 * noticed in under 3 s, which is sooner than any path would say. A router without a rival is not pinged.
 */
import { findTool, type Runner, type RunningChild } from "../../../mesh/host/runner.ts";
import { Health } from "../../core/routes/mod.ts";

/** Time between two pings, in seconds. */
const EVERY = "0.5";

/** Routers under watch. */
export class Prober {
  readonly health: Health = new Health();
  readonly #runner: Runner;
  readonly #changed: () => void;
  readonly #running = new Map<string, { address: string; child: RunningChild }>();
  #ping: string | null = null;
  #closed = false;

  /** @param o.changed a router counts as gone, or as back */
  constructor(o: { runner: Runner; changed: () => void }) {
    this.#runner = o.runner;
    this.#changed = o.changed;
  }

  /** Watches these and no others; addresses by id. */
  async watch(routers: ReadonlyMap<string, string>): Promise<void> {
    for (const [id, { address, child }] of this.#running) {
      if (routers.get(id) === address) continue;
      this.#running.delete(id);
      child.kill("SIGKILL");
    }
    this.health.keep(new Set(routers.keys()));
    if (routers.size === 0) return;
    this.#ping ??= await findTool("ping", "apt-get install iputils-ping").catch(() => null);
    if (this.#ping === null || this.#closed) return;
    for (const [id, address] of routers) if (!this.#running.has(id)) this.#start(this.#ping, id, address);
  }

  #start(ping: string, id: string, address: string): void {
    const onLine = (line: string) => {
      if (this.#running.get(id)?.child !== child) return;
      const rtt = /time=([\d.]+) ms/.exec(line)?.[1];
      if (rtt !== undefined) {
        if (this.health.answered(id, Number(rtt))) this.#changed();
      } else if (/no answer yet/.test(line) && this.health.missed(id)) this.#changed();
    };
    const child = this.#runner.spawn(ping, ["-n", "-O", "-i", EVERY, address], { onLine });
    this.#running.set(id, { address, child });
    // It ends by itself when the interface is made anew; the next run of the daemon starts it again.
    void child.status.then(() => {
      if (this.#running.get(id)?.child === child) this.#running.delete(id);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const children = [...this.#running.values()].map(({ child }) => child);
    this.#running.clear();
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.status));
  }
}
