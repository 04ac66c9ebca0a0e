/**
 * The daemon: starts from the state folder, follows the coordinator, keeps gate sessions, and holds a `Peer` for everybody
 * whom the policy lets this node see. All of it meets in one place, `#reconcile`: whatever changes only says that something
 * changed, and one run at a time brings the machine in line.
 *
 * With the coordinator away everything goes on from the verified ledger and records on disk; with the gates away direct
 * paths go on by themselves.
 */
import { errorLine } from "../../mesh/wire/errors.ts";
import { Audits } from "./audits.ts";
import { Coalesced, DeadlineTimer } from "./coalesced.ts";
import { STREAM_WAITS } from "./follow.ts";
import { followMesh } from "./follow_mesh.ts";
import type { DaemonOptions } from "./daemon_options.ts";
import { Grace } from "./grace.ts";
import type { IceHub } from "./ice_hub.ts";
import type { IpMonitor } from "./ip_monitor.ts";
import { addressesOf } from "./join.ts";
import { CertificateKeeper } from "./login/certificate_keeper.ts";
import type { Machine } from "./machine.ts";
import type { Change } from "./network_view.ts";
import { Looks } from "./looks.ts";
import { News } from "./news.ts";
import type { OwnRecord } from "./own_record.ts";
import { OwnTeller } from "./own_teller.ts";
import { Parts } from "./parts.ts";
import type { Ground } from "./parts_host.ts";
import type { Peer } from "./peer.ts";
import { sessionOf } from "./session.ts";
import { UP_PATIENCE, UpWait } from "./up_wait.ts";
import { wantedNow } from "./wanted_now.ts";
import { Waits } from "./waits.ts";

/** The client daemon of one node. */
export class Daemon {
  readonly #o: DaemonOptions;
  readonly #id: string;
  readonly #own: OwnRecord;
  readonly #parts: Parts;
  readonly #news: News;
  readonly #teller: OwnTeller;
  readonly #machine: Machine;
  readonly #hub: IceHub;
  #grace: Grace | null = null;
  #certificate: CertificateKeeper | null = null;
  readonly #stop = new AbortController();
  /** Peers on the direct rung: one that leaves it may do so because the router forgot us. */
  readonly #direct = new Set<string>();
  #meshUp = false;
  readonly #up = new UpWait();
  readonly #streamWaits = new Waits(STREAM_WAITS);
  /** Something is known to have changed, or may have. */
  #thorough = true;
  /** What the last run threw, or null. */
  #fault: unknown = null;
  readonly #runs = new Coalesced(() => this.#reconcile().then(() => true, (error) => this.#failed(error)));
  readonly #looks: Looks;
  readonly #audits: Audits;
  readonly #timer = new DeadlineTimer(() => [
    this.#hub.nextDeadline(),
    this.#parts.rotator.nextDeadline(),
    ...this.#parts.peers.deadlines(),
  ], () => this.#tick());

  /** Built and served by link/host/run.ts. */
  constructor(o: DaemonOptions, p: Ground) {
    this.#o = o;
    this.#id = p.id;
    this.#own = p.own;
    this.#machine = p.machine;
    this.#hub = p.hub;
    this.#parts = new Parts(o, p, {
      changed: (change) => this.#changed(change),
      ownRenewed: () => this.#teller.renewed(),
      ownChanged: () => this.#teller.changed(),
      gateSession: (gate, o) => {
        this.#news.gateSession(gate, o);
        this.#up.session(gate, o);
      },
      home: (gates) => void this.#teller.home(gates).catch((error) => this.#rejected("own record", error)),
      met: (node) => this.#parts.peers.tellReach(node),
      presence: (node, up) => this.#presence(node, up),
      moved: (peer) => this.#moved(peer),
      networkMoved: () => this.#networkMoved(),
      reconcile: () => this.reconcile(),
      inLine: () => {
        this.#thorough = true;
        return this.#runs.held();
      },
      rearm: () => this.#timer.arm(),
      meshUp: () => this.#meshUp,
      certificate: async () => await this.#certificate?.pair() ?? null,
    });
    this.#looks = new Looks({
      parts: this.#parts,
      log: o.log,
      reconcile: () => this.reconcile(),
      ownChanged: () => this.#teller.changed(),
      rearm: () => this.#timer.arm(),
    });
    this.#news = new News({ ...o, id: p.id, parts: this.#parts });
    this.#teller = new OwnTeller({
      parts: this.#parts,
      own: p.own,
      log: o.log,
      meshUp: () => this.#meshUp,
      changed: (change) => this.#changed(change),
      moved: (id) => this.#news.home(id),
    });
    this.#audits = new Audits({
      id: p.id,
      parts: this.#parts,
      machine: p.machine,
      hub: p.hub,
      looks: this.#looks,
      teller: this.#teller,
      grace: () => this.#grace,
      certificate: () => this.#certificate,
      meshUp: () => this.#meshUp,
      glance: () => this.#runs.request(),
      reconcile: () => this.reconcile(),
      changed: (change) => this.#changed(change),
    });
  }

  /**
   * Serves until the signal of the options aborts.
   * @throws GhostError when the machine cannot be set up, or the socket cannot be served
   */
  async serve(): Promise<void> {
    const { state, log } = this.#o;
    const past = this.#mayGoOut();
    past.catch(() => {});
    await this.#parts.names.recover();
    await this.#parts.addresses.load();
    this.#certificate = await CertificateKeeper.open(state.dir, {
      own: this.#own,
      ledger: () => this.#parts.view.ledger,
      warn: (message, fields) => log.warn(message, fields),
      now: () => Date.now(),
    });
    await this.#machine.opened; // a start that fails has changed nothing
    await this.#certificate?.renew();
    const saved = await state.records();
    await this.#parts.publisher.renew(); // after a long time off it has expired
    await this.#parts.admissions.ready();
    await this.#teller.take();
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
    this.#parts.peers.sync();
    let monitor: IpMonitor | null = null;
    try {
      // Beside the first run; but past an exit node, or a kill switch, only that leads.
      let following = await past ? this.#goOut() : null;
      // Fail closed: it has to succeed, policy and all, before anybody may use what there is.
      await this.reconcile();
      if (this.#fault !== null) throw this.#fault;
      following ??= this.#goOut();
      monitor = await this.#o.platform.watchNetwork({
        iface: this.#machine.device.name,
        log,
        onChange: () => void this.#looks.request().then(() => this.reconcile()),
        onTouched: () => void this.reconcile(),
      });
      this.#audits.start();
      await this.#o.attach(sessionOf(this.#parts, {
        ...this.#o,
        own: this.#own,
        id: this.#id,
        meshUp: () => this.#meshUp,
        changed: () => this.#teller.changed(),
        reconcile: async () => {
          await this.reconcile();
          if (this.#fault !== null) throw this.#fault;
        },
      }));
      log.info("Running", { interface: this.#machine.device.name, wireguard: this.#machine.device.kind });
      await this.#sayUp();
      await Promise.race([following, aborted(this.#o.signal)]);
    } finally {
      this.#audits.stop();
      await this.#o.attach(null);
      await monitor?.stop();
      await this.#parts.saver.close();
    }
  }

  /** Whether what this daemon sends takes its way before the first run: no exit node is in use here, by whatever tunnel. */
  async #mayGoOut(): Promise<boolean> {
    const others = this.#machine.exit.look().then((tunnels) => tunnels.length > 0, () => true);
    await this.#parts.exit.load();
    return !await others && this.#parts.exit.node === undefined;
  }

  /** Looks around, asks gates for sessions and follows the coordinator; resolves when that has ended. */
  #goOut(): Promise<void> {
    void this.#looks.request();
    this.#parts.gates.want([...this.#parts.view.gates.values()]);
    const known = this.#parts.gates.dialled;
    if (known.length > 0 || !this.#o.config.use_quic) this.#up.gates(known);
    return followMesh(this.#parts, {
      signal: this.#stop.signal,
      waits: this.#streamWaits,
      up: this.#up,
      grace: this.#grace,
      changed: (change) => this.#changed(change),
      connected: (up, reason) => this.#meshConnected(up, reason),
      rejected: (what, why) => this.#rejected(what, why),
    });
  }

  /** Says that this machine is up once others reach it, or it is plain that they do not yet. */
  async #sayUp(): Promise<void> {
    const why = await Promise.race([this.#up.within(UP_PATIENCE), aborted(this.#o.signal)]);
    await this.#parts.peers.complete(this.#o.signal); // who is there can be reached, then
    if (why === undefined || this.#o.signal.aborted) return;
    if (why !== null) this.#o.log.warn("Up without a session with a gate", { why });
    this.#o.event("state", "the tunnel is up", { state: "up" });
    const { name } = this.#own.network;
    this.#o.say(`${name} is up: ${addressesOf(this.#own.record).join(", ")} on ${this.#machine.device.name}`);
    this.#o.ready();
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
      this.#news.ledger();
    }
    this.#parts.saver.records();
    this.#parts.peers.sync();
    this.#parts.gates.want([...this.#parts.view.gates.values()]);
    if (change === "gates") {
      this.#parts.turn.desk.hurry();
      return void this.#looks.request().then(() => this.reconcile()); // the look finds their addresses
    }
    if (change === "nodes") this.#looks.soon();
    else void this.#looks.request();
    void this.reconcile();
  }

  #rejected(what: string, why: unknown): void {
    this.#o.log.warn("Refused what did not verify", { what, why: typeof why === "string" ? why : errorLine(why) });
  }

  #meshConnected(up: boolean, reason: string | null): void {
    this.#news.coordinator({ up, changed: this.#meshUp !== up, reason });
    this.#meshUp = up;
    if (up) this.#parts.turn.desk.hurry();
    this.#parts.peers.tellReach();
  }

  #presence(node: string, up: boolean): void {
    if (!this.#parts.peers.all.has(node)) return;
    this.#news.presence(node, up);
    this.#parts.peers.tellReach(node);
    if (!this.#parts.reachable(node)) this.#parts.rotator.gone(node);
    // Peers that the coordinator cannot tell just now learn our newest record from us.
    else if (up && !this.#meshUp) this.#parts.signals.send(node, this.#teller.word);
  }

  #moved(peer: Peer): void {
    if (peer.state.rung === "direct") this.#direct.add(peer.id);
    else if (this.#direct.delete(peer.id)) {
      this.#parts.portMap?.doubt();
      this.#hub.askAgain();
      this.#timer.arm();
    }
    this.#news.path(peer);
  }

  /** Everything learnt about paths is void, and what sleeps because it did not get through may now. */
  #networkMoved(): void {
    this.#parts.turn.desk.networkChanged();
    this.#parts.gates.networkChanged();
    this.#parts.outbox.networkMoved();
    this.#streamWaits.hurry();
    this.#machine.addressesChanged();
    for (const peer of this.#parts.peers.all.values()) peer.networkChanged();
    void this.reconcile(); // now, not when all names have been asked for
    this.#timer.arm();
  }

  /** Brings the machine in line; resolves when a run that began after this call has ended. */
  reconcile(): Promise<void> {
    this.#thorough = true;
    return this.#runs.request();
  }

  #failed(error: unknown): false {
    this.#fault = error;
    this.#parts.report.fault(errorLine(error));
    this.#o.log.error("The machine could not be brought in line; what was in force stays", { why: errorLine(error) });
    return false;
  }

  async #reconcile(): Promise<void> {
    const glance = !this.#thorough;
    this.#thorough = false;
    await this.#machine.apply(wantedNow(this.#parts, { id: this.#id, own: this.#own }), { glance });
    this.#fault = null;
    this.#parts.report.fault(null);
    this.#parts.peers.counted(this.#machine.counters);
    void this.#parts.names.refresh();
    this.#timer.arm();
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
