/**
 * The daemon: starts from the state folder, follows the coordinator, keeps gate sessions, and holds a `Peer` for everybody
 * whom the policy lets this node see. All of it meets in one place, `#reconcile`: whatever changes only says that something
 * changed, and one run at a time brings the machine in line.
 *
 * With the coordinator away everything goes on from the verified ledger and records on disk; with the gates away direct
 * paths go on by themselves.
 */
import type { Log } from "../../mesh/host/log.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import { Coalesced, DeadlineTimer } from "./coalesced.ts";
import type { LinkConfig } from "./config.ts";
import { follow, STREAM_WAITS } from "./follow.ts";
import { Grace } from "./grace.ts";
import type { IceHub } from "./ice_hub.ts";
import { addressesOf, type Machine as MachineFacts } from "./join.ts";
import { CertificateKeeper } from "./login/certificate_keeper.ts";
import type { LocalHandlers } from "./local_api.ts";
import { whois } from "./whois.ts";
import type { LocalEvent, LocalEventKind, LocalWhois } from "../../mesh/wire/local.ts";
import { localHandlers } from "./handlers.ts";
import type { Machine } from "./machine.ts";
import type { Change } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import { type Ground, Parts } from "./parts.ts";
import type { Peer } from "./peer.ts";
import type { Platform } from "./platform.ts";
import type { NodeState } from "./state.ts";
import { Waits } from "./waits.ts";

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
  platform: Platform;
  signal: AbortSignal;
  /** The session has come up, or (null) is about to end. */
  attach(session: Session | null): Promise<void>;
  /** Tells that something happened. */
  event(kind: LocalEventKind, text: string, data?: LocalEvent["data"]): void;
}

/** A running session, as the supervisor asks it. */
export interface Session {
  handlers: LocalHandlers;
  whois(who: string | undefined): Promise<LocalWhois>;
  /** Changes the own record and tells everybody. @throws GhostError `name_taken` */
  change(change: { name?: string; ssh?: string[] }): Promise<void>;
  /** Tells the coordinator that this machine leaves; false when it cannot be told. */
  farewell(): Promise<boolean>;
}

/** Seconds that a last record holds: long enough to be delivered. */
const FAREWELL = 5;

/** The client daemon of one node. */
export class Daemon {
  readonly #o: DaemonOptions;
  readonly #id: string;
  readonly #own: OwnRecord;
  readonly #parts: Parts;
  readonly #machine: Machine;
  readonly #hub: IceHub;
  #grace: Grace | null = null;
  #certificate: CertificateKeeper | null = null;
  readonly #stop = new AbortController();
  /** Peers on the direct rung: one that leaves it may do so because the router forgot us. */
  readonly #direct = new Set<string>();
  #meshUp = false;
  readonly #streamWaits = new Waits(STREAM_WAITS);
  /** What the last run threw, or null. */
  #fault: unknown = null;
  readonly #runs = new Coalesced(() => this.#reconcile().then(() => true, (error) => this.#failed(error)));
  readonly #looks = new Coalesced(() => this.#look().catch((error) => this.#notSeen(error)));
  readonly #timer = new DeadlineTimer(() => [
    this.#hub.nextDeadline(),
    this.#parts.rotator.nextDeadline(),
    ...this.#parts.peers.deadlines(),
  ], () => this.#tick());

  /** Built and served by link/host/run.ts. */
  constructor(
    o: DaemonOptions,
    p: Ground,
  ) {
    this.#o = o;
    this.#id = p.id;
    this.#own = p.own;
    this.#machine = p.machine;
    this.#hub = p.hub;
    this.#parts = new Parts(o, p, {
      changed: (change) => this.#changed(change),
      ownRenewed: () => this.#ownRenewed(),
      ownChanged: () => this.#ownChanged(),
      gateSession: (gate, o) => this.#gateSession(gate, o),
      home: (gates) => this.#home(gates),
      met: (node) => this.#parts.peers.tellReach(node),
      presence: (node, up) => this.#presence(node, up),
      moved: (peer) => this.#say(peer),
      networkMoved: () => this.#networkMoved(),
      reconcile: () => this.reconcile(),
      inLine: () => this.#runs.held(),
      rearm: () => this.#timer.arm(),
      meshUp: () => this.#meshUp,
      certificate: async () => await this.#certificate?.pair() ?? null,
    });
  }

  /**
   * Serves until the signal of the options aborts.
   * @throws GhostError when the machine cannot be set up, or the socket cannot be served
   */
  async serve(): Promise<void> {
    const { state, log } = this.#o;
    await this.#parts.names.recover();
    await this.#parts.exit.load();
    await this.#parts.addresses.load();
    this.#certificate = await CertificateKeeper.open(state.dir, {
      own: this.#own,
      ledger: () => this.#parts.view.ledger,
      warn: (message, fields) => log.warn(message, fields),
      now: () => Date.now(),
    });
    await this.#certificate?.renew();
    const saved = await state.records();
    await this.#parts.publisher.renew(); // after a long time off it has expired
    await this.#parts.admissions.ready();
    await this.#takeOwn();
    void this.#parts.admissions.review();
    await this.#parts.view.restore(saved, (error) => this.#rejected("saved record", error));
    this.#grace = await Grace.open({
      state,
      view: this.#parts.view,
      log,
      changed: (change) => this.#changed(change),
      now: () => Date.now(),
    });
    this.#grace.check();
    // Fail closed: the first run has to succeed, policy and all, before anything else starts.
    this.#parts.peers.sync();
    await this.reconcile();
    if (this.#fault !== null) throw this.#fault;
    const monitor = await this.#o.platform.watchNetwork({
      iface: this.#machine.device.name,
      log,
      onChange: () => void this.#networkChanged(),
    });
    const audit = setInterval(() => void this.#audit(), AUDIT_EVERY);
    try {
      await this.#o.attach(this.#session());
      this.#o.event("state", "the tunnel is up", { state: "up" });
      const { name } = this.#own.network;
      this.#o.say(`${name} is up: ${addressesOf(this.#own.record).join(", ")} on ${this.#machine.device.name}`);
      log.info("Running", { interface: this.#machine.device.name, wireguard: this.#machine.device.kind });
      await this.#looks.request();
      this.#parts.gates.want([...this.#parts.view.gates.values()]);
      const following = follow({
        client: this.#parts.mesh,
        view: this.#parts.view,
        signal: this.#stop.signal,
        waits: this.#streamWaits,
        random: Math.random,
        events: {
          changed: (change) => this.#changed(change),
          entry: async (jws) => void await this.#parts.desk.take([jws]),
          mail: (from, box) => {
            if (!this.#parts.turn.mailed(from, box)) this.#parts.signals.receive(from, box);
          },
          connected: (up, reason) => this.#meshConnected(up, reason),
          rejected: (what, why) => this.#rejected(what, why),
          synced: () => {
            void this.#grace?.contact();
            void this.#parts.publisher.publish();
          },
          refused: (code) =>
            void (code === "unauthorized" ? this.#parts.publisher.again() : this.#parts.publisher.publish()),
        },
      });
      await Promise.race([following, aborted(this.#o.signal)]);
    } finally {
      clearInterval(audit);
      await this.#o.attach(null);
      await monitor.stop();
      await this.#parts.saver.close();
    }
  }

  #session(): Session {
    const { view, mesh } = this.#parts;
    return {
      handlers: localHandlers(this.#parts, {
        own: this.#own,
        ...this.#o,
        meshUp: () => this.#meshUp,
        changed: () => this.#ownChanged(),
        reconcile: async () => {
          await this.reconcile();
          if (this.#fault !== null) throw this.#fault;
        },
      }),
      whois: (who) => Promise.resolve().then(() => whois(view, who)),
      change: async (change) => {
        const holder = [...view.nodes.values()].find((node) => node.name === change.name);
        if (holder && holder.id !== this.#id) {
          throw new GhostError("name_taken", `Another machine is called "${change.name}"`, {
            mend: "choose another name",
          });
        }
        await this.#own.change(change);
        await this.#ownChanged();
      },
      farewell: async () => {
        if (!this.#meshUp) return false;
        try {
          await mesh.publishNode(await this.#own.farewell(FAREWELL));
          return true;
        } catch (error) {
          this.#o.log.warn("The coordinator was not told of the leave", { why: errorLine(error) });
          return false;
        }
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
    this.#parts.close();
    await Promise.all([this.#runs.stop(), this.#looks.stop(), this.#parts.portMap?.close()]);
    await this.#parts.names.close();
    this.#parts.peers.close();
  }

  // What others say ------------------------------------------------------------------------------

  #changed(change: Change): void {
    if (change === "none") return;
    if (change === "ledger") {
      this.#parts.saver.ledger();
      const { seq } = this.#parts.view.ledger.head;
      this.#o.event("ledger", `ledger entry ${seq}`, { seq });
      if (!this.#parts.view.nodes.has(this.#id)) {
        this.#o.log.error("This node is no longer admitted to the network; all tunnels are closed");
      }
      if (this.#parts.view.policyFault) {
        this.#o.log.error("The newest policy cannot be used", { why: this.#parts.view.policyFault });
      }
    }
    this.#parts.saver.records();
    this.#parts.peers.sync();
    this.#parts.gates.want([...this.#parts.view.gates.values()]);
    if (change === "gates") this.#parts.turn.desk.hurry();
    void this.#looks.request();
    void this.reconcile();
  }

  #rejected(what: string, why: unknown): void {
    this.#o.log.warn("Refused what did not verify", { what, why: typeof why === "string" ? why : errorLine(why) });
  }

  #meshConnected(up: boolean, reason: string | null): void {
    if (this.#meshUp !== up) {
      this.#o.event("coordinator", up ? "the coordinator is there" : "the coordinator is away", { connected: up });
    }
    this.#meshUp = up;
    if (up) this.#parts.turn.desk.hurry();
    if (up) this.#o.log.info("Following the coordinator");
    else this.#o.log.warn("The coordinator is away; what is connected stays connected", { why: reason });
    this.#parts.peers.tellReach();
  }

  #gateSession(id: string, { up, reason, failed }: { up: boolean; reason: string | null; failed: boolean }): void {
    const gate = this.#parts.gates.nameOf(id);
    this.#o.event("gate", up ? `session with gate ${gate}` : `no session with gate ${gate}`, { gate, connected: up });
    if (up) this.#o.log.info("Session with a gate", { gate });
    else if (failed) this.#o.log.warn("No session with a gate", { gate, why: reason });
    else this.#o.log.info("Left a gate", { gate, why: reason });
  }

  #home(gates: string[]): void {
    const { why } = this.#parts.gates;
    // The record may be about to say another home: it is compared with what it says then.
    void this.#own.changeFrom((record) => record.gates.join() === gates.join() ? null : { gates }).then((before) => {
      if (before === null) return;
      if (gates[0] !== before.gates[0]) {
        const gate = this.#parts.gates.nameOf(gates[0]!);
        this.#o.event("gate", `the home is gate ${gate}`, { gate, home: true });
        this.#o.log.info("This machine is found at a gate", { gate, why });
      }
      return this.#ownChanged();
    }).catch((error) => this.#rejected("own record", error));
  }

  #presence(node: string, up: boolean): void {
    if (!this.#parts.peers.all.has(node)) return;
    const name = this.#parts.nameOf(node);
    this.#o.event("peer", `${name} is ${up ? "there" : "away"}`, { name, id: node, online: up });
    this.#parts.peers.tellReach(node);
    if (!this.#parts.reachable(node)) this.#parts.rotator.gone(node);
    // Peers that the coordinator cannot tell just now learn our newest record from us.
    else if (up && !this.#meshUp) this.#parts.signals.send(node, this.#ownTold());
  }

  // Own record -----------------------------------------------------------------------------------

  async #takeOwn(): Promise<Change> {
    try {
      return (await this.#parts.view.node(this.#own.jws)).change;
    } catch (error) {
      this.#o.log.error("This node's own record does not verify", { why: errorLine(error) });
      return "none";
    }
  }

  /** The own record is a new one: here and at the gates at once, and peers whom the coordinator cannot tell have it from us. */
  async #ownRenewed(): Promise<void> {
    const change = await this.#takeOwn();
    this.#parts.gates.announce(this.#own.jws);
    if (!this.#meshUp) { for (const id of this.#parts.peers.all.keys()) this.#parts.signals.send(id, this.#ownTold()); }
    this.#changed(change);
  }

  #ownTold(): SignalBody {
    return { t: "record", record: this.#own.jws };
  }

  async #ownChanged(): Promise<void> {
    await this.#ownRenewed();
    await this.#parts.publisher.publish();
  }

  // This machine ---------------------------------------------------------------------------------

  #say(peer: Peer): void {
    const { rung, endpoint, rttMs } = peer.state;
    if (rung === "direct") this.#direct.add(peer.id);
    else if (this.#direct.delete(peer.id)) {
      this.#parts.portMap?.doubt();
      this.#hub.askAgain();
      this.#timer.arm();
    }
    const over = rung === "none" ? "no path" : `${rung}${endpoint ? ` ${endpoint}` : ""}`;
    const name = this.#parts.nameOf(peer.id);
    const text = `${name}: ${over}${rttMs === null ? "" : ` (${rttMs.toFixed(1)} ms)`}`;
    this.#o.event("path", text, { name, id: peer.id, rung, endpoint, rttMs });
    this.#o.say(text);
  }

  async #networkChanged(): Promise<void> {
    await this.#looks.request();
    await this.reconcile();
  }

  /** Everything learnt about paths is void, and what sleeps because it did not get through may now. */
  #networkMoved(): void {
    this.#parts.turn.desk.networkChanged();
    this.#parts.gates.networkChanged();
    this.#streamWaits.hurry();
    this.#machine.addressesChanged();
    for (const peer of this.#parts.peers.all.values()) peer.networkChanged();
    void this.reconcile(); // now, not when all names have been asked for
    this.#timer.arm();
  }

  async #look(): Promise<void> {
    await this.#parts.surroundings.refresh();
    await this.#parts.collisions.refresh();
    // An exit node in use is gone past by addresses, which may be others now.
    if (this.#parts.exit.node !== undefined) void this.reconcile();
    if (await this.#parts.exit.announce()) await this.#ownChanged();
    this.#parts.portMap?.setWay(this.#parts.surroundings.way);
    this.#timer.arm();
  }

  #notSeen(error: unknown): void {
    this.#o.log.warn("This machine's addresses could not be read; those of before count", { why: errorLine(error) });
  }

  /** Brings the machine in line; resolves when a run that began after this call has ended. */
  reconcile(): Promise<void> {
    return this.#runs.request();
  }

  #failed(error: unknown): false {
    this.#fault = error;
    this.#parts.report.fault(errorLine(error));
    this.#o.log.error("The machine could not be brought in line; what was in force stays", { why: errorLine(error) });
    return false;
  }

  async #reconcile(): Promise<void> {
    await this.#machine.apply({
      publicKey: this.#own.identity.wg.public,
      privateKey: (publicKey) => this.#own.privateKey(publicKey),
      addresses: addressesOf(this.#parts.view.nodes.get(this.#id) ?? this.#own.record),
      resolver: this.#parts.names.wanted,
      peers: this.#parts.peers.wanted(),
      retiring: this.#parts.peers.retiring(),
      filter: this.#parts.view.filter({ exit: this.#parts.exit.node }),
      policy: this.#parts.view.policyEntry,
      routes: this.#parts.view.routes(),
      outside: this.#parts.surroundings.outside(),
      exit: this.#parts.exit.wanted(),
    });
    this.#fault = null;
    this.#parts.report.fault(null);
    this.#parts.peers.counted(this.#machine.counters);
    void this.#parts.names.refresh();
    this.#timer.arm();
  }

  async #audit(): Promise<void> {
    this.#machine.doubtTable();
    await this.reconcile(); // before all that waits for the coordinator
    // Behind a kill switch names resolve once our resolver serves them, and the coordinator is reached once its name resolves.
    if (this.#parts.surroundings.unresolved) void this.#looks.request();
    void this.#parts.admissions.review();
    await this.#parts.publisher.renew();
    if (await this.#certificate?.renew()) await this.#ownRenewed();
    // What a wrong clock kept out, or let in, is looked at again: it may have been set.
    this.#changed(this.#parts.view.nodes.has(this.#id) ? this.#parts.view.lookAtClock() : await this.#takeOwn());
    this.#changed(await this.#parts.view.retryUntimely());
    this.#parts.saver.ledger();
    if (this.#meshUp) await Promise.all([this.#parts.publisher.publish(), this.#grace?.contact()]);
    else this.#grace?.check();
  }

  #tick(): void {
    this.#hub.tick();
    if (this.#parts.peers.tick()) void this.reconcile();
    this.#parts.rotator.tick();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
