/** Looks for what collides with the network's own ranges on this machine (link/core/plan/collisions.ts). */
import { networkPrefix6 } from "../../mesh/trust/address.ts";
import type { Log } from "../../mesh/host/log.ts";
import { colliding, collisions, doubtfulPeers, type HostRoute } from "../core/plan/mod.ts";
import type { IpTool } from "./ip.ts";
import { addressesOf } from "./join.ts";
import type { NetworkView } from "./network_view.ts";
import type { Wanted } from "./wanted.ts";

/** What collides now. */
export class Collisions {
  readonly #o: { ip: IpTool; view: NetworkView; log: Log };
  #found: readonly string[] = [];
  #foreign: readonly HostRoute[] = [];
  #others: readonly HostRoute[] = [];

  constructor(o: { ip: IpTool; view: NetworkView; log: Log }) {
    this.#o = o;
  }

  /** Sentences for people. */
  get found(): readonly string[] {
    return this.#found;
  }

  /** Routes of this machine that are not the tunnel's, as of the last look. */
  get others(): readonly HostRoute[] {
    return this.#others;
  }

  /** IPv4 addresses of all machines that are known, and routes of others in the network's ranges as of the last look. */
  get claims(): Pick<Wanted, "known" | "foreign"> {
    const known = [...this.#o.view.nodes.values()].flatMap(({ ipv4 }) => ipv4 ?? []);
    return { known, foreign: this.#foreign };
  }

  /** Looks anew; what was not there before is logged. @returns whether routes of others are others than before */
  async refresh(): Promise<boolean> {
    const { ip, view, log } = this.#o;
    const { id, ipv4 } = view.ledger.network;
    const ranges = [ipv4, await networkPrefix6(id)];
    const peers = [...view.nodes.values()].filter((node) => node.id !== view.selfId)
      .map((node) => ({ name: node.name, addresses: addressesOf(node) }));
    const facts = { ranges, peers, ...await ip.others() };
    this.#others = facts.routes;
    const leavesBy = new Map<string, string>();
    for (const address of doubtfulPeers(facts)) {
      const iface = (await ip.routeTo(address))?.iface;
      if (iface !== undefined) leavesBy.set(address, iface);
    }
    const found = collisions({ ...facts, leavesBy });
    for (const line of found) if (!this.#found.includes(line)) log.warn("Addresses collide", { why: line });
    this.#found = found;
    const before = JSON.stringify(this.#foreign);
    this.#foreign = colliding(facts);
    return JSON.stringify(this.#foreign) !== before;
  }
}
