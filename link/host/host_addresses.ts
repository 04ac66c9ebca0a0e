/**
 * Addresses of the hosts that this machine knows by name, as they were when each last resolved. They are kept in the state
 * folder: with an exit node's kill switch in force a name resolves by way of the tunnel only, and the way to the coordinator and
 * to gates, by which the tunnel comes up, is open for addresses.
 */
import ipaddr from "ipaddr.js";

import type { NodeState } from "./state.ts";

/** Addresses of one host that are kept, and hosts. */
const MOST = { addresses: 64, hosts: 1000 };

export interface HostAddressesOptions {
  state: Pick<NodeState, "addresses" | "saveAddresses">;
  resolve?: (host: string) => Promise<string[]>;
}

/** See the head of this file. */
export class HostAddresses {
  readonly #o: HostAddressesOptions;
  #known = new Map<string, string[]>();
  /** Names that gave no address when they were last asked for. */
  readonly #failing = new Set<string>();
  #saved = "";

  constructor(o: HostAddressesOptions) {
    this.#o = o;
  }

  /** Reads what an earlier process kept; what is no more readable is as good as nothing. */
  async load(): Promise<void> {
    const saved = await this.#o.state.addresses().catch(() => ({}));
    this.#known = new Map(Object.entries(saved));
    this.#saved = JSON.stringify(saved);
  }

  /** What is known now; an address is its own. */
  of(host: string): readonly string[] {
    return ipaddr.isValid(host) ? [host] : this.#known.get(host) ?? [];
  }

  /** Asks for a name. One that does not resolve now keeps the addresses that it had: with an exit node in use they are the way back. */
  async look(host: string): Promise<readonly string[]> {
    const now = await (this.#o.resolve ?? resolve)(host);
    if (now.length === 0) this.#failing.add(host);
    else this.#failing.delete(host);
    if (now.length > 0 && !ipaddr.isValid(host)) this.#known.set(host, now.slice(0, MOST.addresses));
    return this.of(host);
  }

  /** Keeps what is known of these hosts for the next start. */
  async keep(hosts: readonly string[]): Promise<void> {
    for (const host of this.#failing) if (!hosts.includes(host)) this.#failing.delete(host);
    const named = [...new Set(hosts)].toSorted().filter((host) => this.#known.has(host)).slice(0, MOST.hosts);
    const addresses = Object.fromEntries(named.map((host) => [host, this.#known.get(host)!.toSorted()]));
    const text = JSON.stringify(addresses);
    if (text === this.#saved) return;
    try {
      await this.#o.state.saveAddresses(addresses);
      this.#saved = text;
    } catch {
      // A full disk: these go on counting here, and are written the next time.
    }
  }

  /** Whether a name did not resolve when it was last asked for. */
  get failing(): boolean {
    return this.#failing.size > 0;
  }
}

/** Addresses of a host name; an address is its own. A name that does not resolve now is asked again at the next change. */
export async function resolve(host: string): Promise<string[]> {
  if (ipaddr.isValid(host)) return [host];
  const both = await Promise.allSettled([Deno.resolveDns(host, "A"), Deno.resolveDns(host, "AAAA")]);
  return both.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
}
