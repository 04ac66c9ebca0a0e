/**
 * What the policy in force gives this node, of all that it holds to be true of its network (network_view.ts): whom it sees, what may
 * pass, and where it may send. A node that is not in, or has been without the coordinator for too long, is given nothing.
 */
import {
  type Compiled,
  type DnsPolicy,
  type Exit,
  exitsFor,
  type Filter,
  filterFor,
  internetBeyond,
  NO_DNS,
  routesFor,
  sees,
} from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { RouteBody } from "../../mesh/wire/ledger.ts";
import { canonicalPrefix } from "../core/plan/mod.ts";
import type { KnownNode } from "./known_node.ts";
import type { Lifetimes } from "./lifetimes.ts";
import type { RulesInForce } from "./rules_in_force.ts";

export interface RightsOptions {
  selfId: string;
  ledger: Ledger;
  /** All whose record holds, this node as well. */
  nodes: ReadonlyMap<string, KnownNode>;
  lifetimes: Lifetimes;
  rules: RulesInForce;
  /** Whether the coordinator has been away for longer than the policy bears. */
  adrift(): boolean;
}

/** See the head of this file. */
export class Rights {
  readonly #o: RightsOptions;

  constructor(o: RightsOptions) {
    this.#o = o;
  }

  /** Whether this node itself is in the network now. */
  #isMember(): boolean {
    return this.#o.nodes.has(this.#o.selfId) && !this.#o.lifetimes.over(this.#o.selfId);
  }

  /** The nodes that count: those whose time is not over. */
  #members(): KnownNode[] {
    return [...this.#o.nodes.values()].filter((n) => !this.#o.lifetimes.over(n.id));
  }

  #compile(): Compiled | null {
    return this.#o.rules.compiled(() => this.#members());
  }

  /** The same, as far as it lets this node to others now. */
  #usable(): Compiled | null {
    return this.#o.adrift() || !this.#isMember() ? null : this.#compile();
  }

  /** The nodes that policy lets this one see. */
  peers(): KnownNode[] {
    const compiled = this.#usable();
    if (!compiled) return [];
    return [...this.#o.nodes.values()].filter((n) =>
      n.id !== this.#o.selfId && n.keyed && sees(compiled, this.#o.selfId, n.id)
    );
  }

  /** This node's packet filter; null when there is no usable policy, and then nothing may pass. */
  filter(o: { exit?: string | undefined } = {}): Filter | null {
    const compiled = this.#compile();
    return compiled && this.#isMember() ? filterFor(compiled, this.#o.selfId, o) : null;
  }

  /** What the policy says of names. */
  get dns(): DnsPolicy {
    return this.#o.rules.policy?.dns ?? NO_DNS;
  }

  /** Peers through which policy lets this node into the internet. */
  exits(): Exit[] {
    const compiled = this.#usable();
    if (!compiled) return [];
    return exitsFor(compiled, this.#o.selfId).filter(({ node }) => this.#o.nodes.get(node)?.keyed);
  }

  /** What lies beyond the network, and so is nobody's in it. */
  beyond(): string[] {
    const compiled = this.#compile();
    return compiled === null ? [] : internetBeyond(compiled);
  }

  /** The network's own ranges: that of its IPv4 addresses and, once this node is known, the /48 of its IPv6 ones (mesh/trust/address.ts). */
  ranges(): string[] {
    const self = this.#o.nodes.get(this.#o.selfId);
    return [this.#o.ledger.network.ipv4, ...(self ? [canonicalPrefix(`${self.ipv6}/48`)] : [])];
  }

  /** Routes in force that this node carries itself, and those of others that policy lets it use. */
  routes(): { mine: RouteBody[]; theirs: RouteBody[] } {
    const compiled = this.#compile();
    const usable = new Set((compiled ? routesFor(compiled, this.#o.selfId) : []).map((r) => `${r.prefix} ${r.node}`));
    const { routes } = this.#o.rules;
    return {
      mine: routes.filter((r) => r.node === this.#o.selfId),
      theirs: routes.filter((r) => usable.has(`${r.prefix} ${r.node}`)),
    };
  }

  /** Routes in force, whoever may use them: signed ones, and announced ones that the policy approves. */
  get approved(): readonly RouteBody[] {
    this.#compile();
    return this.#o.rules.routes;
  }
}
