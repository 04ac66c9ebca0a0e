/**
 * The parts of a daemon and how they reach each other. Each knows only what its own interface names; what a part reports
 * that concerns the daemon as a whole goes to its hooks (link/host/daemon.ts).
 */
import { hostOf, MeshClient, portOf } from "../../mesh/client/mod.ts";
import { steady } from "../../mesh/host/clock.ts";
import type { Log } from "../../mesh/host/log.ts";
import { Rotation } from "../core/keys/rotation.ts";
import type { LinkConfig } from "./config.ts";
import { Collisions } from "./collisions.ts";
import { Conversation } from "./conversation.ts";
import { stunCrypto } from "./crypto.ts";
import { Names } from "./dns/names.ts";
import { namesSource, resolverOf } from "./dns/source.ts";
import { ExitDesk } from "./exit/desk.ts";
import { Gates } from "./gates.ts";
import { probeGates } from "./gate_probe.ts";
import { waysTo } from "./gate_ways.ts";
import { logFault } from "./guarded.ts";
import { GuessDesk } from "./guess.ts";
import { Heads } from "./heads.ts";
import { HostAddresses } from "./host_addresses.ts";
import { LedgerDesk } from "./ledger_desk.ts";
import { Admissions } from "./login/admissions.ts";
import { whyOf } from "./look.ts";
import type { Machine } from "./machine.ts";
import { NetworkView } from "./network_view.ts";
import { Outbox } from "./outbox.ts";
import type { DaemonHooks, Ground } from "./parts_host.ts";
import { PeerTable } from "./peer_table.ts";
import type { PortMap } from "./portmap/port_map.ts";
import { portMapping } from "./portmap/start.ts";
import { Publisher } from "./publisher.ts";
import { random } from "./random.ts";
import type { Platform } from "./platform.ts";
import { Report } from "./report.ts";
import { Rotator } from "./rotator.ts";
import { Signals } from "./signals.ts";
import type { NodeState } from "./state.ts";
import { Surroundings } from "./surroundings.ts";
import { TurnParts } from "./turn_parts.ts";
import { ViewSaver } from "./view_saver.ts";

/** All parts, built and connected. */
export class Parts {
  readonly admissions: Admissions;
  readonly view: NetworkView;
  readonly saver: ViewSaver;
  readonly mesh: MeshClient;
  readonly publisher: Publisher;
  readonly gates: Gates;
  readonly signals: Signals;
  readonly rotator: Rotator;
  readonly heads: Heads;
  readonly desk: LedgerDesk;
  readonly outbox: Outbox;
  readonly conversation: Conversation;
  readonly addresses: HostAddresses;
  readonly surroundings: Surroundings;
  readonly collisions: Collisions;
  readonly foreign: ReturnType<Machine["foreignFirewalls"]>;
  /** Null when the settings switch it off. */
  readonly portMap: PortMap | null;
  readonly peers: PeerTable;
  readonly report: Report;
  readonly names: Names;
  readonly turn: TurnParts;
  readonly exit: ExitDesk;

  constructor(
    o: { state: NodeState; log: Log; config: LinkConfig; platform: Platform },
    p: Ground,
    d: DaemonHooks,
  ) {
    const now = () => Date.now();
    const due = steady.now;
    this.admissions = new Admissions({ dir: o.state.dir, view: () => this.view, changed: d.changed });
    const { keysOf: issuerKeys } = this.admissions;
    this.view = new NetworkView({ selfId: p.id, ledger: p.ledger, now: () => Math.floor(now() / 1000), issuerKeys });
    this.saver = new ViewSaver({ state: o.state, view: this.view, log: o.log });
    const { identity, network } = p.own;
    this.mesh = new MeshClient({
      server: network.server,
      ca: network.ca,
      net: network.net,
      key: identity.identity,
      now,
      random,
      certificate: () => d.certificate(),
      connection: p.joined?.connection,
    });
    this.publisher = new Publisher({
      mesh: this.mesh,
      own: p.own,
      log: o.log,
      renewed: d.ownRenewed,
      ...(p.joined ? { published: p.joined.record } : {}),
    });
    this.gates = new Gates({
      net: network.net,
      quic: o.config.use_quic,
      selfId: p.id,
      key: identity.identity,
      saved: p.own.record.gates[0] ?? null,
      record: () => p.own.jws,
      head: () => this.view.ledger.head,
      random,
      now: due,
      measure: (gates, measured, tickets) =>
        probeGates(gates, { known: this.surroundings.services, crypto: stunCrypto, measured, tickets }),
      ways: ({ record }) => waysTo(record.hosts, { addresses: this.addresses, ip: p.machine.ip }),
      handlerFailed: (gate, fault) => logFault(o.log, fault, { gate: this.gates.nameOf(gate) }),
      homesOf: (id) => this.view.nodes.get(id)?.verified.record.gates ?? [],
      home: d.home,
      met: d.met,
      tellPeer: (id, word) => this.signals.send(id, { t: "meet", ...word }),
      session: d.gateSession,
      interrupted: () => p.hub.freshen(),
      signal: (from, box) => this.signals.receive(from, box),
      presence: (_gate, node, up) => d.presence(node, up),
      packet: (from, packet) => this.peers.all.get(from)?.relayed(packet),
      headSeen: (gate, head) => this.heads.gateHead(gate, head),
      ledger: (gate, message) => this.heads.fromGate(gate, message),
      turn: (gate, credentials) => {
        if (this.turn.credentials.granted(gate, credentials)) this.turn.desk.replaced(gate);
      },
      about: (gate, node, message) => this.peers.all.get(node)?.gateMessage(gate, message),
    });
    this.signals = new Signals({
      net: network.net,
      self: { id: p.id, key: identity.seal },
      sealKeyOf: (id) => this.peers.all.has(id) ? this.view.nodes.get(id)?.verified.record.seal : undefined,
      head: () => this.view.ledger.head,
      deliver: (to, box, kind) => this.conversation.deliver(to, box, kind),
      received: (from, signal, kept) => this.conversation.received(from, signal, kept),
      dropped: (from, why) => o.log.debug("A signal was dropped", { from: this.nameOf(from), why }),
      now,
    });
    this.rotator = new Rotator({
      own: p.own,
      machine: new Rotation(),
      now: due,
      peersOnline: () => [...this.peers.all.keys()].filter(this.reachable),
      tell: (id, kind) => this.signals.send(id, { t: kind, record: p.own.jws }),
      allPeers: () => [...this.peers.all.keys()],
      changed: d.ownChanged,
      reconcile: d.reconcile,
      rearm: d.rearm,
    });
    this.heads = new Heads({
      ledger: p.ledger,
      toPeer: (id, message) => this.signals.send(id, message),
      showPeer: (id, head) => this.signals.send(id, { t: "echo", n: 0 }, head),
      toGate: (id, message) => this.gates.tell(id, message),
      peers: () => [...this.peers.all.keys()].filter(this.reachable),
      gates: () => this.gates.connected,
      take: (entries, from) => this.desk.offered(entries, from),
      now: due,
    });
    this.desk = new LedgerDesk({
      view: this.view,
      log: o.log,
      heads: () => this.heads,
      changed: d.changed,
    });
    this.outbox = new Outbox({ mesh: this.mesh, log: o.log, now: due });
    this.conversation = new Conversation({
      view: this.view,
      gates: this.gates,
      heads: this.heads,
      outbox: this.outbox,
      meshUp: d.meshUp,
      send: (to, body) => this.signals.send(to, body),
      changed: d.changed,
      keySeen: (from, wg) => this.rotator.seen(from, wg),
      path: (from, body, n) => {
        this.peers.all.get(from)?.signal(body, n);
        d.rearm();
      },
    });
    this.addresses = new HostAddresses({ state: o.state });
    this.surroundings = new Surroundings({
      addresses: this.addresses,
      hub: p.hub,
      machine: p.machine,
      view: this.view,
      server: hostOf(this.mesh.server),
      serverPort: portOf(this.mesh.server),
      crypto: stunCrypto,
      stun: o.config.fallback.includes("stun"),
      turnServers: p.turnServers.flatMap(({ transports }) => transports),
      moved: d.networkMoved,
      log: o.log,
    });
    this.collisions = new Collisions({ ip: p.machine.ip, view: this.view, log: o.log });
    this.foreign = p.machine.foreignFirewalls(() => this.view.rights.routes().mine.map(({ prefix }) => prefix));
    this.portMap = !o.config.portmap ? null : portMapping({
      secret: identity.identity.seed,
      range: this.view.ledger.network.ipv4,
      crypto: stunCrypto,
      log: o.log,
      now: due,
      changed: (at) => {
        const base = this.surroundings.way?.source;
        p.hub.setPortMapped(at !== null && base !== undefined ? { at, base } : null);
      },
    });
    const guesses = new GuessDesk({
      // A guess sends from many sockets, which an exit node in use would take along.
      enabled: () => o.config.guess && this.exit.node === undefined,
      hardness: () => this.surroundings.hardness,
      server: () => this.surroundings.server4,
      seen: (peer, pair) => this.surroundings.seen(peer, pair),
    });
    this.turn = new TurnParts({
      id: p.id,
      config: o.config,
      named: p.turnServers,
      own: p.own,
      view: this.view,
      gates: () => this.gates,
      mesh: this.mesh,
      meshUp: d.meshUp,
      addressesOf: (host) => this.addresses.look(host),
      ways: (hosts) => waysTo(hosts, { addresses: this.addresses, ip: p.machine.ip }),
      log: o.log,
      now,
      due,
    });
    this.peers = new PeerTable({
      view: this.view,
      gates: this.gates,
      tieBreaker: () => new DataView(random(8).buffer).getBigUint64(0),
      meshUp: d.meshUp,
      routing: () => ({ uses: p.machine.routeUses, others: this.collisions.others }),
      counters: () => p.machine.wg.counters(),
      host: {
        hub: p.hub,
        direct: o.config.fallback.includes("ice"),
        turn: this.turn.desk,
        guesses,
        crypto: stunCrypto,
        mtu: o.config.mtu,
        wgPort: () => p.machine.wgPort,
        signal: (to, body) => this.signals.send(to, body),
        changed: d.inLine,
        moved: d.moved,
        rearm: d.rearm,
        log: o.log,
        now: due,
      },
      added: (id, wgNext) => {
        if (wgNext !== undefined) this.rotator.acknowledge(id, wgNext, (body) => this.signals.send(id, body));
      },
      removed: (id) => {
        this.signals.drop(id);
        this.heads.drop(id);
        this.rotator.gone(id);
      },
      rearm: d.rearm,
    });
    this.exit = new ExitDesk({
      state: o.state,
      view: this.view,
      machine: p.machine,
      own: p.own,
      offer: o.config.exit,
      services: () => this.surroundings.exitServices(),
      upstreams: () => this.names.state.upstreams,
      reachable: (id) => (this.peers.all.get(id)?.state.rung ?? "none") !== "none",
    });
    this.names = new Names({
      way: (places) => o.platform.resolverWay(places),
      iface: p.machine.ip.iface,
      stateDir: o.state.dir,
      address: o.config.dns ? resolverOf(this.view) : null,
      log: o.log,
      random,
      ownPort: p.machine.namesPort,
      isLocal: (source) => p.machine.ip.isLocal(source),
      source: () => ({
        ...namesSource(this.view, this.surroundings.names()),
        all: this.exit.node !== undefined,
      }),
    });
    this.report = new Report({
      exit: this.exit,
      names: this.names,
      view: this.view,
      own: p.own,
      gates: this.gates,
      machine: p.machine,
      peers: this.peers.all,
      meshUp: d.meshUp,
      reachable: this.reachable,
      why: (peer) => whyOf(this, peer),
      inTheWay: () => [...this.collisions.found, ...this.foreign.found],
      ping: (address) => o.platform.ping(address),
    });
    p.hub.onCandidates = () => {
      for (const peer of this.peers.all.values()) peer.candidatesChanged();
      d.rearm();
    };
  }

  /** True when a signal can reach this peer now. */
  readonly reachable = (id: string): boolean => this.gates.towards(id) !== null;

  /** A node's name, or its id when it is not known. */
  nameOf(id: string): string {
    return this.view.nodes.get(id)?.name ?? id;
  }

  /** Ends all of them but the peers, whose last run may still need them. */
  close(): void {
    this.desk.close();
    this.heads.close();
    this.gates.close();
    this.turn.close();
    this.mesh.close();
  }
}
