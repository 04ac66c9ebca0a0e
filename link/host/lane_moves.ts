/**
 * A lane that moves from one gate to another without a gap: while the pair meets elsewhere from now on (a nearer gate, one that
 * is drained or says goodbye), the lane in use goes on until the new one is checked end to end, and a moment longer.
 * The end with the smaller id decides where (core/lane/lane_end.ts); the other one goes where it is asked to.
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import type { Carrier, CarrierGates, CarrierHost, PathNow, Up } from "./transport.ts";

/** Packets of the other end may come over the lane that was left for so long, in ms. */
const DRAIN = 3_000;

/** What the lane at one gate may use: a peer is met there or nowhere. */
export interface LaneHost extends Omit<CarrierHost, "gates"> {
  readonly gates: Pick<CarrierGates, "towards" | "addressesOf" | "nameOf" | "send">;
}

/** The lane at one gate. */
interface Lane {
  gate: string;
  carrier: Carrier;
  up: Up | null;
}

export class MovingLane implements Carrier {
  readonly #host: CarrierHost;
  readonly #open: (host: LaneHost) => Carrier;
  readonly #leads: boolean;
  #current: Lane | null = null;
  #next: Lane | null = null;
  #left: { lane: Lane; until: number }[] = [];
  #path: PathNow = { rung: "none", since: 0 };

  /** @param open makes the lane at one gate: the only one that its host's `towards` knows */
  constructor(host: CarrierHost, open: (host: LaneHost) => Carrier) {
    this.#host = host;
    this.#open = open;
    this.#leads = host.selfId < host.peerId;
  }

  get #lanes(): Lane[] {
    return [this.#current, this.#next].filter((lane) => lane !== null);
  }

  /** With those that were left and still drain. */
  get #all(): Lane[] {
    return [...this.#lanes, ...this.#left.map(({ lane }) => lane)];
  }

  reachChanged(): void {
    const gate = this.#host.gates.towards(this.#host.peerId)?.gateId ?? null;
    if (gate !== null && (this.#leads || this.#current === null)) this.#aim(gate);
    for (const { carrier } of this.#lanes) carrier.reachChanged();
  }

  /** The pair's lane is to be at this gate. */
  #aim(gate: string): void {
    if (this.#current?.gate === gate) return void this.#drop(this.#next);
    if (this.#next?.gate === gate) return;
    this.#drop(this.#next);
    const lane = this.#make(gate);
    if (this.#current?.up) this.#next = lane;
    else {
      this.#drop(this.#current);
      this.#current = lane;
    }
    lane.carrier.reachChanged();
    lane.carrier.pathChanged?.(this.#path);
  }

  #make(gate: string): Lane {
    const { gates } = this.#host;
    const lane: Lane = { gate, up: null, carrier: null as unknown as Carrier };
    lane.carrier = this.#open({
      ...this.#host,
      gates: {
        towards: (node) => gates.at(gate, node),
        addressesOf: (id) => gates.addressesOf(id),
        nameOf: (id) => gates.nameOf(id),
        // A gate has one lane for a pair: that one of before is left there is nothing to tell once there is another.
        send: (id, message) => {
          if (this.#lanes.every((other) => other === lane || other.gate !== gate)) gates.send(id, message);
        },
      },
      up: (up) => this.#up(lane, up),
      down: () => this.#down(lane),
    });
    return lane;
  }

  #up(lane: Lane, up: Up): void {
    lane.up = up;
    if (lane === this.#next) {
      if (this.#current) this.#left.push({ lane: this.#current, until: this.#host.now() + DRAIN });
      this.#current = lane;
      this.#next = null;
    }
    if (lane !== this.#current) return;
    this.#host.gates.laneAt(this.#host.peerId, lane.gate, (doubted) => lane.carrier.gateDoubted?.(doubted));
    this.#host.up(up);
    this.#host.rearm();
  }

  #down(lane: Lane): void {
    const was = lane.up;
    lane.up = null;
    if (lane !== this.#current || !was) return;
    // Before the lane is none of its any more: only who is waited for is asked after.
    this.#host.gates.accuse(lane.gate);
    this.#host.gates.laneAt(this.#host.peerId, null);
    this.#host.down();
    if (!this.#next) return;
    this.#current = this.#next;
    this.#next = null;
    // Never while it is speaking.
    this.#left.push({ lane, until: this.#host.now() });
    this.#host.rearm();
  }

  #drop(lane: Lane | null): void {
    if (lane === this.#next) this.#next = null;
    if (lane === this.#current) this.#current = null;
    lane?.carrier.close();
  }

  packetSeen(packet: Uint8Array): void {
    // Each packet comes by here.
    const next = this.#next;
    this.#current?.carrier.packetSeen?.(packet);
    next?.carrier.packetSeen?.(packet);
  }

  pathChanged(path: PathNow): void {
    const fell = this.#path.rung === "lane" && path.rung !== "lane" && path.rung !== "direct";
    this.#path = path;
    // The peer, which has told of it first, may have found the gate dead.
    if (fell && this.#current) this.#host.gates.accuse(this.#current.gate);
    for (const { carrier } of this.#lanes) carrier.pathChanged?.(path);
  }

  release(): void {
    for (const { carrier } of this.#lanes) carrier.release?.();
  }

  signal(body: SignalBody): void {
    if (body.t !== "lane") return;
    // Asked to a gate where both are: nowhere else does it lead.
    if (!this.#leads && this.#host.gates.at(body.gate, this.#host.peerId)) this.#aim(body.gate);
    this.#lanes.find(({ gate }) => gate === body.gate)?.carrier.signal?.(body);
  }

  gateMessage(gate: string, message: FromGate): void {
    this.#all.find((lane) => lane.gate === gate)?.carrier.gateMessage?.(gate, message);
  }

  busy(busy: boolean): void {
    for (const { carrier } of this.#lanes) carrier.busy?.(busy);
  }

  networkChanged(): void {
    for (const { carrier } of this.#lanes) carrier.networkChanged?.();
  }

  why(): string | null {
    return this.#current?.carrier.why?.() ?? null;
  }

  tick(): void {
    const now = this.#host.now();
    const over = this.#left.filter(({ until }) => until <= now);
    this.#left = this.#left.filter(({ until }) => until > now);
    for (const { lane } of over) lane.carrier.close();
    for (const { carrier } of this.#all) carrier.tick?.();
  }

  nextDeadline(): number | null {
    const all = this.#all.map(({ carrier }) => carrier.nextDeadline?.() ?? Infinity);
    const next = Math.min(...all, ...this.#left.map(({ until }) => until));
    return Number.isFinite(next) ? next : null;
  }

  close(): void {
    this.#host.gates.laneAt(this.#host.peerId, null);
    for (const lane of this.#all) lane.carrier.close();
    this.#current = this.#next = null;
    this.#left = [];
  }
}
