/**
 * Addresses of the hosts that this machine knows by name, as they were when each last resolved. They are kept in the state
 * folder: with an exit node's kill switch in force a name resolves by way of the tunnel only, and the way to the coordinator and
 * to gates, by which the tunnel comes up, is open for addresses.
 */
import ipaddr from "ipaddr.js";

import type { NodeState } from "./state.ts";

/** Addresses of one host that are kept, and hosts. */
const MOST = { addresses: 64, hosts: 1000 };
/** An answer is waited for so long, in ms: on a new network the resolver may still be the one of the network before. */
const PATIENCE = 1_000;

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
  #questions = 0;
  /** Number of the question that was answered last, by host. */
  readonly #answered = new Map<string, number>();
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

  /**
   * Asks for a name, and waits a moment. One that does not resolve by then keeps the addresses that it had: with an exit node in
   * use they are the way back. An answer that comes later counts for whoever looks next.
   */
  async look(host: string): Promise<readonly string[]> {
    if (ipaddr.isValid(host)) return [host];
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), PATIENCE);
    const found = await Promise.race([this.#ask(host, ++this.#questions), late.promise]);
    clearTimeout(timer);
    if (found) this.#failing.delete(host);
    else this.#failing.add(host);
    return this.of(host);
  }

  async #ask(host: string, question: number): Promise<boolean> {
    const now = await (this.#o.resolve ?? resolve)(host).catch(() => []);
    if (now.length === 0) return false;
    // What a silent resolver says at last is no news where another one has answered since.
    if (question < (this.#answered.get(host) ?? 0)) return true;
    this.#answered.set(host, question);
    this.#known.set(host, now.slice(0, MOST.addresses));
    return true;
  }

  /** Keeps what is known of these hosts for the next start. */
  async keep(hosts: readonly string[]): Promise<void> {
    for (const noted of [this.#failing, this.#answered]) {
      for (const host of noted.keys()) if (!hosts.includes(host)) noted.delete(host);
    }
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

/** Addresses of a host name. A name that does not resolve now is asked again at the next change. */
async function resolve(host: string): Promise<string[]> {
  const both = await Promise.allSettled([Deno.resolveDns(host, "A"), Deno.resolveDns(host, "AAAA")]);
  return both.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
}
