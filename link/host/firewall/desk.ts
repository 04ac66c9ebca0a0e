/**
 * The firewall of one machine: the back end, the filter that is in force, and what was counted and seen. The kernel forgets its
 * counters when the table is loaded anew, so they are taken over before that; with another policy counting starts again.
 */
import { CLOSED, type Counted, type Filter, type SeenFlow } from "../../../mesh/policy/mod.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import type { LocalFirewallFlow } from "../../../mesh/wire/local_firewall.ts";
import type { FirewallBackend, FirewallContext, Seen } from "./backend.ts";
import type { OnChange } from "./on_change.ts";
import { FIREWALLS } from "./registry.ts";

/** Flows that are remembered after their table is gone. */
const MOST_FLOWS = 1000;

/** Packets and bytes of what counts together. */
export interface Total {
  of: Counted;
  packets: number;
  bytes: number;
}

/** A filter in force. */
export interface InForce {
  filter: Filter;
  /** Ledger entry of the policy that it comes from; null without a usable one. */
  entry: number | null;
  /** Since when its counts run, in ms. */
  since: number;
}

/** What the desk is made from. */
export interface DeskOptions extends FirewallContext {
  /** Who is told each filter. */
  onChange: OnChange | null;
  now: () => number;
}

/** See the head of this file. */
export class FirewallDesk {
  readonly name: string;
  readonly #backend: FirewallBackend;
  readonly #now: () => number;
  readonly #onChange: OnChange | null;
  readonly #log: FirewallContext["log"];
  #inForce: InForce;
  /** Taken over from tables that are gone. */
  #totals = new Map<string, Total>();
  #flows = new Map<string, LocalFirewallFlow>();
  /** The chains that were made last, and those that are in force. */
  #chains = { last: "", inForce: "" };

  private constructor(name: string, backend: FirewallBackend, o: DeskOptions) {
    this.name = name;
    this.#onChange = o.onChange;
    this.#backend = backend;
    this.#log = o.log;
    this.#now = o.now;
    this.#inForce = { filter: CLOSED, entry: null, since: o.now() };
  }

  /** @throws GhostError `bad_config` for a back end that is not there, or what it lacks */
  static async open(name: string, o: DeskOptions): Promise<FirewallDesk> {
    const make = Object.hasOwn(FIREWALLS, name) ? FIREWALLS[name] : undefined;
    if (!make) {
      throw new GhostError("bad_config", `No firewall "${name}"`, {
        place: "link.firewall",
        mend: `it is one of ${Object.keys(FIREWALLS).join(", ")}`,
      });
    }
    return new FirewallDesk(name, await make(o), o);
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  /** Chains for the link's own table. */
  chains(filter: Filter): string {
    return this.#chains.last = this.#backend.chains(filter);
  }

  /** What the back end does outside of that table. @throws GhostError; the filter before stays in force */
  apply(filter: Filter): Promise<void> {
    return this.#backend.apply(filter);
  }

  /** The filter is in force now. */
  taken(filter: Filter, entry: number | null): void {
    // A policy that comes to the same chains is not loaded, and what they count goes on.
    const fresh = entry !== this.#inForce.entry && this.#chains.last !== this.#chains.inForce;
    this.#chains.inForce = this.#chains.last;
    if (fresh) this.#totals.clear();
    this.#inForce = { filter, entry, since: fresh ? this.#now() : this.#inForce.since };
    void this.#onChange?.tell(filter, entry);
  }

  /** Takes over what the kernel is about to forget. */
  async keep(): Promise<void> {
    const seen = await this.#read();
    if (seen === null) return;
    this.#totals = this.#sum(seen);
    this.#flows = this.#merge(seen.flows);
  }

  /** Counts of the policy in force; null when the back end does not count. */
  async totals(): Promise<Total[] | null> {
    const seen = await this.#read();
    return seen && [...this.#sum(seen).values()];
  }

  /** What was dropped and logged lately, the newest first; null when the back end does not tell. */
  async flows(): Promise<LocalFirewallFlow[] | null> {
    const seen = await this.#read();
    return seen && [...this.#merge(seen.flows).values()].sort((a, b) => a.time < b.time ? 1 : -1);
  }

  /** Why the program of `on_change` failed, or null. */
  get fault(): string | null {
    return this.#onChange?.fault ?? null;
  }

  async close(): Promise<void> {
    await this.#backend.close();
    await this.#onChange?.close();
  }

  /** A back end that cannot tell now must not keep the policy from being enforced. */
  async #read(): Promise<Seen | null> {
    try {
      return await this.#backend.read();
    } catch (error) {
      this.#log.warn("The firewall's counters cannot be read", { why: errorLine(error) });
      return null;
    }
  }

  #sum({ counts }: Seen): Map<string, Total> {
    const sum = new Map([...this.#totals].map(([key, total]) => [key, { ...total }]));
    for (const { of, packets, bytes } of counts) {
      const key = JSON.stringify(of);
      const total = sum.get(key) ?? { of, packets: 0, bytes: 0 };
      sum.set(key, { of, packets: total.packets + packets, bytes: total.bytes + bytes });
    }
    return sum;
  }

  #merge(flows: readonly SeenFlow[]): Map<string, LocalFirewallFlow> {
    const merged = new Map(this.#flows);
    for (const flow of flows) {
      const told = this.#told(flow);
      const { time: _, packets, ...rest } = told;
      const key = JSON.stringify(rest);
      const before = merged.get(key);
      merged.delete(key);
      merged.set(key, { ...told, packets: packets + (before?.packets ?? 0) });
    }
    for (const key of merged.keys()) {
      if (merged.size <= MOST_FLOWS) break;
      merged.delete(key);
    }
    return merged;
  }

  #told({ of, source, destination, protocol, port, packets, ago }: SeenFlow): LocalFirewallFlow {
    const line = this.#inForce.filter.firewall.find(({ rule }) => of.kind === "firewall" && rule === of.rules[0]);
    const what = of.kind === "firewall"
      ? ({ log: "logged", drop: "dropped", limit: "limited" } as const)[line?.action.kind ?? "drop"]
      : of.kind === "stranger"
      ? "stranger"
      : "refused";
    return {
      time: new Date(this.#now() - ago * 1000).toISOString(),
      what,
      line: line?.line ?? null,
      direction: of.direction,
      source,
      destination,
      protocol,
      port,
      packets,
    };
  }
}
