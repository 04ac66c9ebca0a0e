/** Where this machine stands outside of the tunnel: its addresses, how gates' STUN services see it, and what must stay reachable. */
import ipaddr from "ipaddr.js";
import type { SelectedPair } from "../core/ice/event.ts";
import {
  agreed,
  type Hardness,
  hardnessOf,
  type Mapping,
  mappingByPeer,
  type NatKind,
  withPeer,
} from "../core/nat/kind.ts";
import { GATEWAY_PORT, isInside } from "../core/portmap/mod.ts";
import type { ExitService } from "../core/plan/mod.ts";
import type { StunCrypto, TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { HostAddresses } from "./host_addresses.ts";
import type { IceHub } from "./ice_hub.ts";
import type { Machine } from "./machine.ts";
import type { Way } from "./portmap/protocol.ts";
import { probeNat, type StunService } from "./nat_probe.ts";
import type { TurnServer } from "./turn_pipe.ts";
import type { Log } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { NetworkView } from "./network_view.ts";

/** NAT-PMP and PCP (RFC 6886, RFC 6887). */
const PORT_MAPPING = [["udp", GATEWAY_PORT]] as const;

export interface SurroundingsOptions {
  hub: IceHub;
  machine: Machine;
  view: NetworkView;
  /** Host of the coordinator, and its port. */
  server: string;
  serverPort: number;
  crypto: StunCrypto;
  /** The TURN servers that the config names. */
  turnServers: readonly TurnServer[];
  addresses: HostAddresses;
  /** False: no STUN service is asked how this machine looks from outside. */
  stun: boolean;
  /** This machine's own addresses, or its way out, are others than before. */
  moved(): void;
  log: Log;
}

/** Looks around and tells the ICE hub. */
export class Surroundings {
  readonly #o: SurroundingsOptions;
  /** Null before the first look. */
  #last: string | null = null;
  #lastWay = "";
  #services: (StunService & { gate: string })[] = [];
  #kind: NatKind | null = null;
  /** The services that are being asked what kind of NAT this is. */
  #judging: Surroundings["services"] | null = null;
  /** What each peer's sight of the tunnel's port says about its mapping, by the peer's id. */
  readonly #sights = new Map<string, Mapping>();
  #way: Way | null = null;

  constructor(o: SurroundingsOptions) {
    this.#o = o;
  }

  /** The router that hides this machine's address; null without one. */
  get way(): Way | null {
    return this.#way;
  }

  /** The gates' STUN services with the way to each. */
  get services(): readonly (StunService & { gate: string })[] {
    return this.#services;
  }

  /** Whether this machine's IPv4 NAT gives every destination another port. */
  get hardness(): Hardness {
    if (!this.#o.stun) return "easy"; // nobody is asked
    return hardnessOf(this.#kind && this.withPeer(this.#kind));
  }

  /** A look at this machine's NAT with what peers have seen of it. */
  withPeer(kind: NatKind): NatKind {
    return withPeer(kind, agreed(this.#sights.values()));
  }

  /** A peer has answered a check over this pair, so it has seen the tunnel's port, and says where. */
  seen(id: string, { local, remote }: SelectedPair): void {
    if (remote.address.includes(":")) return;
    const observations = this.#o.hub.observations(local.base.address);
    const mapped = { address: local.address, port: local.port };
    const mapping = mappingByPeer({ base: local.base, observations, peer: { server: remote, mapped } });
    if (mapping !== null) this.#sights.set(id, mapping);
  }

  /** A STUN service over IPv4, or null. */
  get server4(): TransportAddress | null {
    return this.#services.find(({ server }) => !server.address.includes(":"))?.server ?? null;
  }

  /**
   * Brings the hub's candidates up to date: first with the addresses of gates and coordinator that are known, because on a new
   * network nobody can wait for a resolver that is out of reach, then with what their names say now.
   */
  async refresh(): Promise<void> {
    const { addresses: names } = this.#o;
    const hosts = [...new Set(this.#hosts())];
    const known = new Map(hosts.map((host) => [host, names.of(host)]));
    const first = this.#last === null;
    if (!first) await this.#look(known);
    const named = new Map(await Promise.all(hosts.map(async (host) => [host, await names.look(host)] as const)));
    if (first || JSON.stringify([...named]) !== JSON.stringify([...known])) await this.#look(named);
    await names.keep(hosts);
  }

  async #look(hosts: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const { hub, machine, view } = this.#o;
    const addresses = (await machine.ip.hostAddresses()).map((a) => a.address).filter((a) => !view.isOverlay(a));
    hub.setHost(addresses, machine.wgPort);
    const services: (StunService & { gate: string })[] = [];
    const found = new Set([...hosts.values()].flat());
    for (const gate of view.gates.values()) {
      for (const address of gate.record.hosts.flatMap((host) => hosts.get(host) ?? [])) {
        const base = (await machine.ip.routeTo(address))?.source;
        const { stun: port, stunAlternate: alternate = null } = gate.record;
        if (base) services.push({ gate: gate.id, server: { address, port }, alternate, base });
      }
    }
    hub.setServers(this.#o.stun ? services : []);
    this.#way = await this.#findWay([...found].filter((address) => !address.includes(":")));
    const key = addresses.toSorted().join(" ");
    // With another way out the addresses may be the same, but how the outside sees them is not.
    const way = this.#way === null ? this.#lastWay : `${this.#way.gateway} ${this.#way.source}`;
    const moved = (this.#last !== null && key !== this.#last) || (this.#lastWay !== "" && way !== this.#lastWay);
    this.#last = key;
    this.#lastWay = way;
    if (moved) {
      this.#kind = null;
      this.#sights.clear();
    }
    const others = JSON.stringify(services) !== JSON.stringify(this.#services);
    if (moved || others) this.#services = services;
    const unanswered = this.#kind === null || this.#kind.mapped === null;
    if (this.#o.stun && (others || unanswered)) void this.#judgeNat();
    if (moved) this.#o.moved();
  }

  /** By the way towards gates and the coordinator, of which one counts. A public address of one's own needs no router's. */
  async #findWay(outside: readonly string[]): Promise<Way | null> {
    const { machine } = this.#o;
    for (const address of outside) {
      const route = await machine.ip.routeTo(address);
      if (!route?.gateway || !route.source || route.iface === machine.ip.iface) continue;
      const { gateway, source } = route;
      return isInside(source) ? { gateway, source, port: machine.wgPort } : null;
    }
    return null;
  }

  async #judgeNat(): Promise<void> {
    const services = this.#services;
    if (this.#judging === services) return;
    this.#judging = services;
    try {
      const { kind } = await probeNat(services.filter(({ server }) => !server.address.includes(":")), this.#o.crypto);
      if (services === this.#services) this.#kind = kind;
    } catch (error) {
      this.#o.log.warn("What kind of NAT this is could not be found out", { why: errorLine(error) });
    } finally {
      if (this.#judging === services) this.#judging = null;
    }
  }

  /** Whether the coordinator, a gate or a TURN server has a name that does not resolve: `refresh()` may find it the next time. */
  get unresolved(): boolean {
    return this.#o.addresses.failing;
  }

  /** Whom the daemon itself talks to, past an exit node: the coordinator, each gate's services, the router's port mapping. */
  exitServices(): ExitService[] {
    const of = (host: string) => this.#o.addresses.of(host);
    const at = (addresses: readonly string[], ports: readonly (readonly [ExitService["protocol"], number])[]) =>
      addresses.flatMap((address) => ports.map(([protocol, port]) => ({ address, protocol, port })));
    const { view, server, serverPort } = this.#o;
    const gates = [...view.gates.values()].flatMap(({ record }) => {
      const { quic = null, stun, stunAlternate = null, turn, hosts } = record;
      const udp = [quic, stun, stunAlternate, turn?.port ?? null].filter((port) => port !== null);
      const tcp = [turn?.port, turn?.tls].filter((port) => port !== undefined);
      const ports = [...udp.map((port) => ["udp", port] as const), ...tcp.map((port) => ["tcp", port] as const)];
      return at(hosts.flatMap(of), ports);
    });
    const named = this.#o.turnServers.flatMap(({ transport, host, port }) =>
      at(of(host), [[transport === "udp" ? "udp" : "tcp", port]])
    );
    const router = this.#way ? at([this.#way.gateway], PORT_MAPPING) : [];
    return [...at(of(server), [["tcp", serverPort]]), ...gates, ...named, ...router];
  }

  /** Addresses of the coordinator. */
  coordinator(): string[] {
    return [...this.#o.addresses.of(this.#o.server)];
  }

  /** Addresses of gates and TURN servers, which are reached past a route into the tunnel that covers them. */
  outside(): string[] {
    return [...new Set(this.#others().flatMap((host) => this.#o.addresses.of(host)))];
  }

  /** Names of gates and the coordinator, which are never resolved by way of the tunnel. */
  names(): string[] {
    return this.#hosts().filter((host) => !ipaddr.isValid(host));
  }

  #hosts(): string[] {
    return [this.#o.server, ...this.#others()];
  }

  /** Gates and TURN servers. */
  #others(): string[] {
    const { view, turnServers } = this.#o;
    const gates = [...view.gates.values()].flatMap((gate) => gate.record.hosts);
    return [...gates, ...turnServers.map(({ host }) => host)];
  }
}
