/** What the daemon tells of itself: the answers of the local API, in the shapes of mesh/wire/local.ts. */
import { parseServer, serverText } from "../../mesh/client/mod.ts";
import { steady } from "../../mesh/host/clock.ts";
import { EXIT_PREFIXES } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type {
  localDns,
  localFork,
  localLedger,
  LocalPeer,
  localPingAnswer,
  localRoutes,
  LocalStatus,
} from "../../mesh/wire/local.ts";
import type { LocalFirewall, LocalFirewallFlow } from "../../mesh/wire/local_firewall.ts";
import type { z } from "../../mesh/wire/schema.ts";
import { admissionWarnings, whyOut } from "./admission_warnings.ts";
import { overlaps, type RouteOffer, type RouteUse } from "../core/routes/mod.ts";
import type { ExitDesk } from "./exit/desk.ts";
import type { Gates } from "./gates.ts";
import { rowsOf } from "./firewall/words.ts";
import type { NamesState } from "./dns/names.ts";
import { addressesOf } from "./join.ts";
import type { Machine } from "./machine.ts";
import type { KnownNode, NetworkView } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Peer } from "./peer.ts";

/** A peer whose last handshake is younger than this talks, whatever else is known, in ms (WireGuard's REJECT_AFTER_TIME). */
const HANDSHAKE_FRESH = 180_000;

/** Where the report looks. */
export interface ReportSources {
  view: NetworkView;
  own: OwnRecord;
  gates: Gates;
  machine: Machine;
  peers: ReadonlyMap<string, Peer>;
  names: { readonly state: NamesState };
  exit: Pick<ExitDesk, "notes" | "use">;
  meshUp(): boolean;
  reachable(id: string): boolean;
  /** Why a peer's path is no better. */
  why(peer: Peer): string | null;
  /** What collides with the network's ranges on this machine. */
  inTheWay(): readonly string[];
  /** One ping; its round trip in ms, null without an answer. */
  ping(address: string): Promise<number | null>;
}

/** Answers questions about the daemon. */
export class Report {
  readonly #o: ReportSources;
  #fault: string | null = null;

  constructor(o: ReportSources) {
    this.#o = o;
  }

  /** What the last run could not do, or null. */
  fault(line: string | null): void {
    this.#fault = line;
  }

  /** A page of this node's ledger. */
  ledger(from: number): z.infer<typeof localLedger> {
    const { ledger } = this.#o.view;
    const entries: string[] = [];
    for (let at = from, size = 0; entries.length < 1000; at++) {
      const entry = ledger.at(at);
      if (entry === undefined || ((size += entry.length) > 1 << 20 && entries.length > 0)) break;
      entries.push(entry);
    }
    return { entries, head: ledger.head };
  }

  /** Entries that contradict it. */
  fork(): z.infer<typeof localFork> {
    const { fork } = this.#o.view.ledger;
    return { fork: fork && { seq: fork.seq, entries: fork.entries.map(({ jws }) => jws) } };
  }

  status(): LocalStatus {
    const { own, view, gates, machine } = this.#o;
    const self = view.nodes.get(view.selfId);
    return {
      self: {
        name: self?.name ?? own.record.name,
        id: view.selfId,
        addresses: addressesOf(self ?? own.record),
        interface: machine.device.name,
      },
      network: {
        id: view.ledger.network.id,
        name: view.ledger.network.name,
        server: serverText(parseServer(own.network.server)),
        connected: this.#o.meshUp(),
        ledgerSeq: view.ledger.head.seq,
      },
      gates: gates.list().map(({ gate, connected, rttMs, use }) => ({
        name: gate.name,
        id: gate.id,
        region: gate.record.region,
        connected,
        rttMs,
        use,
        draining: gate.draining,
      })),
      home: { gate: gates.home === null ? null : gates.nameOf(gates.home), why: gates.why },
      warnings: this.#warnings(self),
      exit: this.#o.exit.use,
      state: "up",
    };
  }

  #warnings(self: KnownNode | undefined): string[] {
    const { view, own, gates, machine } = this.#o;
    const list: string[] = [];
    const about = { now: Math.floor(Date.now() / 1000), key: own.identity.identity.public };
    list.push(...admissionWarnings(view, about));
    const out = whyOut(view, about) !== null;
    if (view.policyFault) {
      const what = view.policyEntry === null
        ? "no policy of the network can be used here, so nobody is let in"
        : `the newest policy cannot be used, that of ledger entry ${view.policyEntry} stays in force`;
      list.push(`${what}: ${view.policyFault}`);
    }
    if (this.#fault) list.push(`not everything could be set up: ${this.#fault}`);
    list.push(...overlaps(machine.routeUses.map((u) => u.route)), ...unused(machine.routeUses));
    list.push(...this.#o.inTheWay());
    list.push(...this.#o.exit.notes());
    const names = this.#o.names.state.fault;
    const { fault } = machine.firewall;
    if (fault) list.push(`the program of on_change was not told the filter: ${fault}`);
    if (names) list.push(`names of the network do not resolve here: ${names}`);
    const { fork } = view.ledger;
    if (fork) {
      list.push(
        `the ledger forked at entry ${fork.seq}: admins' keys signed different entries for one place, and nobody new is let in until an admin resolves it: ghostctl ledger resolve`,
      );
    }
    if (view.adrift) {
      list.push(
        "the coordinator has been away for longer than the policy's grace: all tunnels are closed until it is back",
      );
    }
    // Who is out is refused, by the coordinator and by gates: neither need be away.
    if (!out && !this.#o.meshUp()) {
      list.push("the coordinator is away: what is connected stays connected, nothing new is learnt");
    }
    if (gates.cloned) {
      list.push(
        "another machine runs with a copy of this one's identity, and they take each other's sessions: let one of them join anew with a state folder of its own",
      );
    }
    if (view.gates.size === 0) {
      list.push("the network has no gate: only machines that reach each other directly can talk");
    } else if (!out && !gates.list().some((g) => g.connected)) {
      list.push("no session with a gate: packets go by direct paths and TURN servers alone");
    }
    const name = self && nameWarning(view.ledger, { id: self.id, name: self.name, wanted: own.record.name });
    if (name) list.push(name);
    if (self && self.ipv4 === null && own.record.ipv4 !== null) {
      list.push("another machine had this IPv4 address first");
    }
    return list;
  }

  async peers(): Promise<LocalPeer[]> {
    const observed = new Map((await this.#o.machine.wg.show()).peers.map((p) => [p.publicKey, p]));
    return [...this.#o.peers.values()].flatMap((peer): LocalPeer[] => {
      const known = this.#o.view.nodes.get(peer.id);
      if (!known) return [];
      const wg = observed.get(known.verified.record.wg);
      const handshake = wg?.lastHandshake ?? null;
      const fresh = handshake !== null && Date.now() - handshake < HANDSHAKE_FRESH;
      const { rung, endpoint, rttMs, since } = peer.state;
      return [{
        name: known.name,
        id: peer.id,
        addresses: addressesOf(known),
        // A relay through this process is up only while its checks are answered.
        online: this.#o.reachable(peer.id) || rung === "turn" || (rung === "direct" && fresh),
        path: {
          rung,
          endpoint,
          rttMs,
          since: rung === "none" ? null : new Date(steady.shown(since)).toISOString(),
          why: this.#o.why(peer),
        },
        rxBytes: wg?.rxBytes ?? 0,
        txBytes: wg?.txBytes ?? 0,
        lastHandshake: handshake === null ? null : new Date(handshake).toISOString(),
      }];
    }).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /**
   * Pings a peer through the tunnel.
   * @throws GhostError `not_found` when there is no such peer
   */
  async ping({ peer: text, count }: { peer: string; count: number }): Promise<z.infer<typeof localPingAnswer>> {
    const known = this.#o.view.find(text);
    const peer = known && this.#o.peers.get(known.id);
    if (known?.id === this.#o.view.selfId) {
      throw new GhostError("bad_input", `"${text}" is this machine itself`, { mend: "see: ghostctl peers" });
    }
    if (!known || !peer) {
      throw new GhostError("not_found", `No peer "${text}"`, {
        mend: "ghostctl peers lists those that policy lets this machine see",
      });
    }
    const address = addressesOf(known)[0]!;
    const replies: z.infer<typeof localPingAnswer>["replies"] = [];
    for (let seq = 1; seq <= count; seq++) {
      const rttMs = await this.#o.ping(address);
      const { rung, endpoint } = peer.state;
      replies.push({ seq, rttMs, rung, endpoint, why: this.#o.why(peer) });
    }
    return { name: known.name, address, replies };
  }

  /** What machines announce and no admin has approved. */
  #announced(): z.infer<typeof localRoutes>["routes"] {
    const { view } = this.#o;
    const signed = new Set([...view.ledger.routes, ...view.rights.approved].map((r) => `${r.prefix} ${r.node}`));
    return [...view.nodes.values()].flatMap(({ id, name, verified }) =>
      verified.record.routes.filter((prefix) => !signed.has(`${prefix} ${id}`)).map((prefix) => ({
        prefix,
        lan: null,
        via: name,
        node: id,
        metric: 100,
        snat: true,
        active: false,
        reason: EXIT_PREFIXES.includes(prefix)
          ? `announced, not approved: ghostctl exit-node approve ${name}`
          : `announced, not approved: ghostctl route approve ${prefix} via ${name}`,
      }))
    );
  }

  dns(): z.infer<typeof localDns> {
    const { search, upstreams, ...state } = this.#o.names.state;
    return { ...state, search: [...search], upstreams: [...upstreams] };
  }

  /** What the firewall has in force, with counts. */
  async firewall(): Promise<LocalFirewall> {
    const { machine: { device, firewall }, view } = this.#o;
    const names = new Map<string, string>();
    for (const { id, name, ipv4, ipv6 } of view.nodes.values()) {
      for (const address of [ipv4, ipv6]) {
        if (address !== null) names.set(address, id === view.selfId ? "this machine" : name);
      }
    }
    const { inForce } = firewall;
    return {
      backend: firewall.name,
      interface: device.name,
      entry: inForce.entry,
      since: new Date(inForce.since).toISOString(),
      rows: rowsOf(inForce, {
        totals: await firewall.totals(),
        nameOf: (address) => names.get(address),
        internet: view.rights.beyond(),
      }),
    };
  }

  firewallFlows(): Promise<LocalFirewallFlow[] | null> {
    return this.#o.machine.firewall.flows();
  }

  routes(): z.infer<typeof localRoutes> {
    const { view, machine } = this.#o;
    const row = (route: RouteOffer) => ({
      prefix: route.prefix,
      lan: route.lan ?? null,
      via: view.nodes.get(route.node)?.name ?? route.node,
      node: route.node,
      metric: route.metric,
      snat: route.snat,
    });
    return {
      routes: [
        ...view.rights.routes().mine.map((r) => ({ ...row(r), active: true, reason: "carried by this machine" })),
        ...machine.routeUses.map((u) => ({ ...row(u.route), active: u.active, reason: u.reason })),
        ...this.#announced(),
      ],
    };
  }
}

/** LANs with the addresses of a route: what people wonder about when a route does nothing. */
function unused(uses: readonly RouteUse[]): string[] {
  const lines = uses.filter(({ refused }) => refused).map(({ route, reason }) =>
    `the route ${route.prefix} is not used: ${reason}`
  );
  return [...new Set(lines)];
}

/** Why this machine does not have the name that its record asks for; null when it has. */
export function nameWarning(
  ledger: Pick<Ledger, "nodeSettings" | "holderOf">,
  { id, name, wanted }: { id: string; name: string; wanted: string },
): string | null {
  if (name === wanted) return null;
  if (ledger.nodeSettings(id)?.name !== undefined) {
    return `an admin has named this machine "${name}", so its own choice "${wanted}" does not count: ask one for ghostctl nodes rename`;
  }
  return ledger.holderOf("name", wanted) === undefined
    ? `the name "${wanted}" was taken first by another machine: ghostctl set --name with another one`
    : `an admin gave the name "${wanted}" to another machine: ghostctl set --name with another one`;
}
