/**
 * The daemon: starts from the state folder, follows the coordinator, keeps gate sessions, and holds a `Peer` for everybody
 * whom the policy lets this node see. All of it meets in one place, `#reconcile`: whatever changes only says that something
 * changed, and one run at a time brings the machine in line.
 *
 * With the coordinator away everything goes on from the verified ledger and records on disk; with the gates away direct
 * paths go on by themselves.
 */
import { hostOf, MeshClient } from "../../mesh/client/mod.ts";
import type { Log } from "../../mesh/host/log.ts";
import { systemRunner } from "../../mesh/host/runner.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import { Rotation } from "../core/keys/rotation.ts";
import { Coalesced, DeadlineTimer } from "./coalesced.ts";
import type { LinkConfig } from "./config.ts";
import { Conversation } from "./conversation.ts";
import { stunCrypto } from "./crypto.ts";
import { follow } from "./follow.ts";
import { Gates } from "./gates.ts";
import { Heads } from "./heads.ts";
import type { IceHub } from "./ice_hub.ts";
import { type IpMonitor, startIpMonitor } from "./ip_monitor.ts";
import { addressesOf, join, type Machine as MachineFacts } from "./join.ts";
import { type LocalHandlers, type LocalServer, serveLocal } from "./local_api.ts";
import type { Machine } from "./machine.ts";
import { type Change, NetworkView } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Peer } from "./peer.ts";
import { PeerTable } from "./peer_table.ts";
import { Publisher } from "./publisher.ts";
import { random } from "./random.ts";
import { Report } from "./report.ts";
import { Rotator } from "./rotator.ts";
import { Signals } from "./signals.ts";
import type { NodeState } from "./state.ts";
import { Surroundings } from "./surroundings.ts";
import { ViewSaver } from "./view_saver.ts";

/** How often the machine is compared with what it should be even if nothing is known to have changed, in ms. */
const AUDIT_EVERY = 10_000;

/** What the daemon is started with. */
export interface DaemonOptions {
  state: NodeState;
  config: LinkConfig;
  socket: string;
  log: Log;
  /** For people who watch: name, addresses, and each peer's path as it changes. */
  say(line: string): void;
  machine: MachineFacts;
  signal: AbortSignal;
}

/** The client daemon of one node. */
export class Daemon {
  readonly #o: DaemonOptions;
  readonly #id: string;
  readonly #own: OwnRecord;
  readonly #view: NetworkView;
  readonly #machine: Machine;
  readonly #hub: IceHub;
  readonly #gates: Gates;
  readonly #signals: Signals;
  readonly #mesh: MeshClient;
  readonly #rotator: Rotator;
  readonly #peers: PeerTable;
  readonly #heads: Heads;
  readonly #conversation: Conversation;
  readonly #surroundings: Surroundings;
  readonly #report: Report;
  readonly #stop = new AbortController();
  #meshUp = false;
  /** What the last run threw, or null. */
  #fault: unknown = null;
  readonly #saver: ViewSaver;
  readonly #publisher: Publisher;
  readonly #runs = new Coalesced(() => this.#reconcile().catch((error) => this.#failed(error)));
  readonly #looks = new Coalesced(() => this.#look().catch((error) => this.#notSeen(error)));
  readonly #timer = new DeadlineTimer(() => [
    this.#hub.nextDeadline(),
    this.#rotator.nextDeadline(),
    ...this.#peers.deadlines(),
  ], () => this.#tick());

  /** Built and served by link/host/run.ts. */
  constructor(
    o: DaemonOptions,
    p: { id: string; own: OwnRecord; ledger: Ledger; machine: Machine; hub: IceHub },
  ) {
    this.#o = o;
    this.#id = p.id;
    this.#own = p.own;
    this.#machine = p.machine;
    this.#hub = p.hub;
    const now = () => Date.now();
    this.#view = new NetworkView({ selfId: p.id, ledger: p.ledger, now: () => Math.floor(now() / 1000) });
    this.#saver = new ViewSaver({ state: o.state, view: this.#view, log: o.log });
    const { identity, network } = p.own;
    this.#mesh = new MeshClient({
      server: network.server,
      ca: network.ca,
      net: network.net,
      key: identity.identity,
      now,
      random,
    });
    this.#publisher = new Publisher({
      mesh: this.#mesh,
      own: p.own,
      log: o.log,
      renewed: () => this.#ownRenewed(),
    });
    this.#gates = new Gates({
      net: network.net,
      key: identity.identity,
      record: () => this.#own.jws,
      head: () => this.#view.ledger.head,
      random,
      now,
      session: (gate, up, reason) => this.#gateSession(gate, up, reason),
      signal: (from, box) => this.#signals.receive(from, box),
      presence: (_gate, node, up) => this.#presence(node, up),
      packet: (from, packet) => this.#peers.all.get(from)?.relayed(packet),
      headSeen: (head) => this.#headSeen(head),
      about: (gate, node, message) => this.#peers.all.get(node)?.gateMessage(gate, message),
    });
    this.#signals = new Signals({
      net: network.net,
      self: { id: p.id, key: identity.seal },
      sealKeyOf: (id) => this.#peers.all.has(id) ? this.#view.nodes.get(id)?.verified.record.seal : undefined,
      head: () => this.#view.ledger.head,
      deliver: (to, box) => this.#conversation.deliver(to, box),
      received: (from, signal) => this.#conversation.received(from, signal),
      dropped: (from, why) => o.log.debug("A signal was dropped", { from: this.#nameOf(from), why }),
      now,
    });
    this.#rotator = new Rotator({
      own: p.own,
      machine: new Rotation(),
      now,
      peersOnline: () => [...this.#peers.all.keys()].filter((id) => this.#reachable(id)),
      tell: (id, kind) => this.#signals.send(id, { t: kind, record: this.#own.jws }),
      allPeers: () => [...this.#peers.all.keys()],
      changed: () => this.#ownChanged(),
      reconcile: () => this.reconcile(),
      rearm: () => this.#timer.arm(),
    });
    this.#heads = new Heads(p.ledger);
    this.#conversation = new Conversation({
      view: this.#view,
      gates: this.#gates,
      heads: this.#heads,
      mesh: this.#mesh,
      log: o.log,
      meshUp: () => this.#meshUp,
      send: (to, body) => this.#signals.send(to, body),
      headSeen: (head) => this.#headSeen(head),
      changed: (change) => this.#changed(change),
      keySeen: (from, wg) => this.#rotator.seen(from, wg),
      path: (from, body, n) => {
        this.#peers.all.get(from)?.signal(body, n);
        this.#timer.arm();
      },
      now,
    });
    this.#surroundings = new Surroundings({
      hub: p.hub,
      machine: p.machine,
      view: this.#view,
      server: hostOf(this.#mesh.server),
    });
    this.#peers = new PeerTable({
      view: this.#view,
      gates: this.#gates,
      tieBreaker: () => new DataView(random(8).buffer).getBigUint64(0),
      meshUp: () => this.#meshUp,
      host: {
        hub: p.hub,
        crypto: stunCrypto,
        wgPort: () => p.machine.wgPort,
        signal: (to, body) => this.#signals.send(to, body),
        changed: () => this.reconcile(),
        moved: (peer) => this.#say(peer),
        rearm: () => this.#timer.arm(),
        now,
      },
      added: (id, wgNext) => {
        if (wgNext !== undefined) this.#rotator.acknowledge(id, wgNext, (body) => this.#signals.send(id, body));
      },
      removed: (id) => {
        this.#signals.drop(id);
        this.#heads.drop(id);
        this.#rotator.gone(id);
      },
      rearm: () => this.#timer.arm(),
    });
    this.#report = new Report({
      view: this.#view,
      own: p.own,
      gates: this.#gates,
      machine: p.machine,
      peers: this.#peers.all,
      meshUp: () => this.#meshUp,
      reachable: (id) => this.#reachable(id),
      runner: systemRunner,
    });
    this.#hub.onCandidates = () => {
      for (const peer of this.#peers.all.values()) peer.candidatesChanged();
      this.#timer.arm();
    };
  }

  /**
   * Serves until the signal of the options aborts.
   * @throws GhostError when the machine cannot be set up, or the socket cannot be served
   */
  async serve(tools: { ip: string }): Promise<void> {
    const { state, log } = this.#o;
    const saved = await state.records();
    await this.#publisher.renew(); // after a long time off it has expired
    await this.#takeOwn();
    for (const jws of saved.nodes) await this.#view.node(jws).catch((error) => this.#rejected("saved record", error));
    for (const jws of saved.gates) await this.#view.gate(jws).catch((error) => this.#rejected("saved record", error));
    // Fail closed: the first run has to succeed, policy and all, before anything else starts.
    this.#peers.sync();
    await this.reconcile();
    if (this.#fault !== null) throw this.#fault;
    const monitor: IpMonitor = startIpMonitor({
      runner: systemRunner,
      tools,
      iface: this.#machine.device.name,
      log,
      onChange: () => void this.#networkChanged(),
    });
    let local: LocalServer | null = null;
    const audit = setInterval(() => void this.#audit(), AUDIT_EVERY);
    try {
      local = await serveLocal({ socket: this.#o.socket, random, handlers: this.#handlers() });
      const { name } = this.#own.network;
      this.#o.say(`${name} is up: ${addressesOf(this.#own.record).join(", ")} on ${this.#machine.device.name}`);
      log.info("Running", { interface: this.#machine.device.name, wireguard: this.#machine.device.kind });
      await this.#looks.request();
      this.#gates.want([...this.#view.gates.values()]);
      const following = follow({
        client: this.#mesh,
        view: this.#view,
        signal: this.#stop.signal,
        random: Math.random,
        events: {
          changed: (change) => this.#changed(change),
          mail: (from, box) => this.#signals.receive(from, box),
          connected: (up, reason) => this.#meshConnected(up, reason),
          rejected: (what, why) => this.#rejected(what, why),
          synced: () => void this.#publisher.publish(),
          refused: () => void this.#publisher.publish(),
        },
      });
      await Promise.race([following, aborted(this.#o.signal)]);
    } finally {
      clearInterval(audit);
      await local?.close();
      await monitor.stop();
      await this.#saver.close();
    }
  }

  #handlers(): LocalHandlers {
    return {
      status: () => Promise.resolve(this.#report.status()),
      peers: () => this.#report.peers(),
      ping: (o) => this.#report.ping(o),
      routes: () => Promise.resolve(this.#report.routes()),
      rotate: () => this.#rotator.rotate(),
      join: async ({ auth, server, name }) => {
        const { state, machine } = this.#o;
        const joined = await join(state, {
          auth,
          ...(server === undefined ? {} : { server }),
          ...(name === undefined ? {} : { name }),
          machine,
          random,
          now: () => Date.now(),
        });
        return { name: joined.network.name, id: joined.id, addresses: joined.addresses };
      },
    };
  }

  /**
   * Stops everything that runs in this process; the machine itself is put back by its own close, which no run may overtake:
   * what a late one made would stay.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#timer.stop();
    this.#gates.close();
    this.#mesh.close();
    await Promise.all([this.#runs.stop(), this.#looks.stop()]);
    this.#peers.close();
  }

  // What others say ------------------------------------------------------------------------------

  #changed(change: Change): void {
    if (change === "none") return;
    if (change === "ledger") {
      this.#saver.ledger();
      if (!this.#view.nodes.has(this.#id)) {
        this.#o.log.error("This node is no longer admitted to the network; all tunnels are closed");
      }
      if (this.#view.policyFault) {
        this.#o.log.error("The policy in force cannot be used", { why: this.#view.policyFault });
      }
    }
    this.#saver.records();
    this.#peers.sync();
    this.#gates.want([...this.#view.gates.values()]);
    void this.#looks.request();
    void this.reconcile();
  }

  #rejected(what: string, why: unknown): void {
    this.#o.log.warn("Refused what did not verify", { what, why: typeof why === "string" ? why : errorLine(why) });
  }

  #meshConnected(up: boolean, reason: string | null): void {
    this.#meshUp = up;
    if (up) this.#o.log.info("Following the coordinator");
    else this.#o.log.warn("The coordinator is away; what is connected stays connected", { why: reason });
    this.#peers.tellReach();
  }

  #gateSession(id: string, up: boolean, reason: string | null): void {
    const gate = this.#view.gates.get(id)?.record.name ?? id;
    if (up) this.#o.log.info("Session with a gate", { gate });
    else this.#o.log.warn("No session with a gate", { gate, why: reason });
    if (up && this.#own.record.gates[0] !== this.#gates.home) {
      const gates = this.#gates.home === null ? [] : [this.#gates.home];
      void this.#own.change({ gates }).then(() => this.#ownChanged()).catch((error) =>
        this.#rejected("own record", error)
      );
    }
  }

  #presence(node: string, up: boolean): void {
    if (!this.#peers.all.has(node)) return;
    this.#peers.tellReach(node);
    if (!this.#reachable(node)) this.#rotator.gone(node);
    // Peers that the coordinator cannot tell just now learn our newest record from us.
    else if (up && !this.#meshUp) this.#signals.send(node, this.#ownTold());
  }

  /** True when a signal can reach this peer now. */
  #reachable(id: string): boolean {
    return this.#gates.towards(id) !== null;
  }

  #headSeen(head: LedgerHead): void {
    // Told once: a head is not signed, and whoever shows a wrong one can do so as often as it likes.
    if (!this.#heads.contradicts(head) || !this.#report.forkAt(head.seq)) return;
    this.#o.log.error("Somebody shows different ledgers to different nodes", { seq: head.seq });
  }

  // Own record -----------------------------------------------------------------------------------

  async #takeOwn(): Promise<Change> {
    try {
      return (await this.#view.node(this.#own.jws)).change;
    } catch (error) {
      this.#o.log.error("This node's own record does not verify", { why: errorLine(error) });
      return "none";
    }
  }

  /** The own record is a new one: here and at the gates at once, and peers whom the coordinator cannot tell have it from us. */
  async #ownRenewed(): Promise<void> {
    const change = await this.#takeOwn();
    this.#gates.announce(this.#own.jws);
    if (!this.#meshUp) { for (const id of this.#peers.all.keys()) this.#signals.send(id, this.#ownTold()); }
    this.#changed(change);
  }

  #ownTold(): SignalBody {
    return { t: "record", record: this.#own.jws };
  }

  async #ownChanged(): Promise<void> {
    await this.#ownRenewed();
    await this.#publisher.publish();
  }

  // This machine ---------------------------------------------------------------------------------

  #say(peer: Peer): void {
    const { rung, endpoint, rttMs } = peer.state;
    const over = rung === "none" ? "no path" : `${rung}${endpoint ? ` ${endpoint}` : ""}`;
    this.#o.say(`${this.#nameOf(peer.id)}: ${over}${rttMs === null ? "" : ` (${rttMs.toFixed(1)} ms)`}`);
  }

  #nameOf(id: string): string {
    return this.#view.nodes.get(id)?.name ?? id;
  }

  async #networkChanged(): Promise<void> {
    await this.#looks.request();
    await this.reconcile();
  }

  async #look(): Promise<void> {
    if (await this.#surroundings.refresh()) { for (const peer of this.#peers.all.values()) peer.networkChanged(); }
    this.#timer.arm();
  }

  #notSeen(error: unknown): void {
    this.#o.log.warn("This machine's addresses could not be read; those of before count", { why: errorLine(error) });
  }

  /** Brings the machine in line; resolves when a run that began after this call has ended. */
  reconcile(): Promise<void> {
    return this.#runs.request();
  }

  #failed(error: unknown): void {
    this.#fault = error;
    this.#report.fault(errorLine(error));
    this.#o.log.error("The machine could not be brought in line; what was in force stays", { why: errorLine(error) });
  }

  async #reconcile(): Promise<void> {
    await this.#machine.apply({
      publicKey: this.#own.identity.wg.public,
      privateKey: (publicKey) => this.#own.privateKey(publicKey),
      addresses: addressesOf(this.#view.nodes.get(this.#id) ?? this.#own.record),
      peers: this.#peers.wanted(),
      retiring: this.#peers.retiring(),
      filter: this.#view.filter(),
      routes: this.#view.routes(),
      outside: this.#surroundings.outside(),
    });
    this.#fault = null;
    this.#report.fault(null);
    this.#timer.arm();
  }

  async #audit(): Promise<void> {
    this.#machine.doubtTable();
    await this.reconcile(); // before all that waits for the coordinator
    await this.#publisher.renew();
    // What a wrong clock kept out, or let in, is looked at again: it may have been set.
    this.#changed(this.#view.nodes.has(this.#id) ? this.#view.lookAtClock() : await this.#takeOwn());
    this.#saver.ledger();
    if (this.#meshUp) await this.#publisher.publish();
  }

  #tick(): void {
    this.#hub.tick();
    if (this.#peers.tick()) void this.reconcile();
    this.#rotator.tick();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
