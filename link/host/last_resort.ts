/**
 * The routes of last resort on this machine (link/core/plan/last_resort.ts): they come before all else that the daemon makes, and
 * outlive it while the tunnel is to be up, so that neither a crash nor an update opens a leak. `ghostctl down` and `leave` take
 * them away. What was once a machine's address is kept in a file beside the state: the machine's record may be gone.
 */
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { z } from "../../mesh/wire/schema.ts";
import {
  type IpStep,
  lastResort,
  type LastResortFacts,
  lastResortMetric,
  type OwnRoutes,
  remember,
  type Remembered,
} from "../core/plan/mod.ts";
import type { IpTool } from "./ip.ts";

const saveFile = z.array(z.tuple([z.ipv4(), z.int().min(0)])).max(100_000);
const DAY = 86_400_000;

/** What becomes of them when a session ends: they stay, go, or are as the session found them. */
export type LastResortEnd = "stay" | "go" | "as found";

/** What they are made from. */
export interface LastResortOptions {
  ip: IpTool;
  /** Id of this machine in the network. */
  owner: string;
  /** The network's /48. */
  prefix6: string;
  /** Where the addresses of machines that were known are kept. */
  file: string;
  /** Milliseconds since 1970. */
  now(): number;
}

/** See the head of this file. */
export class LastResort {
  readonly #o: LastResortOptions;
  readonly #metric: number;
  #remembered: readonly Remembered[] = [];
  #unsaved = false;
  /** What an earlier session left. */
  #found: ReadonlySet<string> = new Set();
  #there = new Set<string>();
  /** Without what peers carry. */
  #wanted: readonly string[] = [];

  private constructor(o: LastResortOptions) {
    this.#o = o;
    this.#metric = lastResortMetric(o.owner);
  }

  /** Puts them in place by what an earlier session knew, before anything else is touched; what that one left stays meanwhile. */
  static async open(o: LastResortOptions): Promise<LastResort> {
    const made = new LastResort(o);
    // What is no more readable is as good as nothing: the records tell of most of it again.
    made.#remembered = await readJson(o.file).then((saved) => saveFile.parse(saved ?? []), () => []);
    const observed = await o.ip.routes();
    made.#observe(observed);
    made.#found = new Set(made.#there);
    await made.hold(observed, { present: [], known: [], foreign: [], outside: [] });
    return made;
  }

  /** Takes away what ended sessions of this machine have left. */
  static async release(o: Pick<LastResortOptions, "ip" | "owner">): Promise<void> {
    await new LastResort({ ...o, prefix6: "", file: "", now: () => 0 }).close("go");
  }

  #observe({ unreachable }: OwnRoutes): void {
    this.#there = new Set(unreachable.filter((r) => r.metric === this.#metric).map((r) => r.prefix));
  }

  /** Adds what is missing; nothing goes. @param observed what is there now */
  async hold(observed: OwnRoutes, facts: Omit<LastResortFacts, "prefix6">): Promise<void> {
    this.#observe(observed);
    const before = this.#remembered;
    this.#remembered = remember(before, facts.known, Math.floor(this.#o.now() / DAY));
    this.#unsaved ||= this.#remembered !== before;
    const known = this.#remembered.map(([address]) => address);
    this.#wanted = lastResort({ ...facts, known, prefix6: this.#o.prefix6 });
    await this.#add(this.#wanted);
    if (this.#unsaved) await this.#save();
  }

  /** Adds the prefixes that peers carry now, and takes away what is not wanted any more. */
  async settle(carried: readonly string[]): Promise<void> {
    await this.#add(carried);
    await this.#keep(new Set([...this.#wanted, ...carried]));
  }

  /** @throws GhostError when they cannot be taken away */
  async close(how: LastResortEnd): Promise<void> {
    this.#observe(await this.#o.ip.routes());
    // What peers carried is the way of before once the tunnel is down.
    await this.#keep(how === "go" ? new Set() : how === "stay" ? new Set(this.#wanted) : this.#found);
  }

  async #save(): Promise<void> {
    try {
      await writeJson(this.#o.file, this.#remembered);
      this.#unsaved = false;
    } catch {
      // A full disk: they go on counting here, and are written the next time.
    }
  }

  async #add(prefixes: readonly string[]): Promise<void> {
    const missing = prefixes.filter((prefix) => !this.#there.has(prefix));
    await this.#apply("unreachable-add", missing);
    for (const prefix of missing) this.#there.add(prefix);
  }

  async #keep(kept: ReadonlySet<string>): Promise<void> {
    const over = [...this.#there].filter((prefix) => !kept.has(prefix));
    await this.#apply("unreachable-remove", over);
    for (const prefix of over) this.#there.delete(prefix);
  }

  async #apply(type: "unreachable-add" | "unreachable-remove", prefixes: readonly string[]): Promise<void> {
    await this.#o.ip.apply(prefixes.map((prefix): IpStep => ({ type, prefix, metric: this.#metric })));
  }
}
