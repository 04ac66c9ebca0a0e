/**
 * Lanes: a UDP port for two nodes, over which the gate's kernel passes the packets of one to the other (rung 2).
 *
 * - A lane begins when both of two live members of one network have asked for it, and ends when one has left, has lost its
 *   session for long, has not proved its address for long, or when no data has crossed for long. Who is cut off the network
 *   takes its lanes along at once; all other ends come a moment after both have been told.
 * - One port serves both directions: a packet from one end's proved address goes to the other end's.
 * - An address counts when a nonce that was sent to it, from the lane's port, has come back with the token of that end
 *   (mesh/wire/lane.ts). Later proofs move it. Without proof there is no answer at all, so nothing can be bounced.
 * - Bounds: ports, lanes of a node, requests a second of a node, moves a second of a lane.
 *
 * Left out on purpose: bytes a second, which the host bounds in the kernel (gate/host/lanes/rules.ts).
 */
import type { FromGate, LaneEnd } from "../../../mesh/wire/gate_session.ts";
import {
  decodeLaneRequest,
  encodeLaneNonce,
  encodeLaneProved,
  type Hmac,
  laneIntegrityHolds,
  type LaneRequest,
} from "../../../mesh/wire/lane.ts";
import { equalBytes, toBase64Url } from "../../../mesh/wire/encoding.ts";
import { type Family, familyOf, Lane, type LanePath, samePath } from "./lane.ts";
import { type PortRange, Ports } from "./ports.ts";

/** Times in ms. */
export interface LaneLimits {
  perNode: number;
  /** An ask that the other side does not share is forgotten. */
  askTime: number;
  /** Asks that wait for the other side, of one node. */
  asksPerNode: number;
  /** Both ends must have proved an address. */
  proveTime: number;
  /** A proof holds for so long. */
  proofTime: number;
  /** An end without a session keeps its lane for so long. */
  awayTime: number;
  /** No data for so long. */
  idleTime: number;
  /** Between the word that a lane ends and its end. */
  linger: number;
}

export const LANE_LIMITS: LaneLimits = {
  perNode: 256,
  askTime: 45_000,
  asksPerNode: 256,
  proveTime: 15_000,
  proofTime: 70_000,
  awayTime: 30_000,
  idleTime: 300_000,
  linger: 3_000,
};

/** How often lanes are looked at, in ms. */
const LOOK = 1_000;

export type LaneAction =
  /** A lane begins: take its port. The host answers `lane-failed` if it cannot. */
  | { t: "lane-open"; port: number }
  /** Pass packets between these addresses, and no others that were named before. */
  | { t: "lane-path"; port: number; path: LanePath; nodes: readonly [string, string] }
  | { t: "lane-close"; port: number }
  /** Send control STUN from the lane's port. */
  | { t: "lane-answer"; port: number; bytes: Uint8Array; to: LaneSource };

/** Where a control datagram came from. */
export interface LaneSource {
  address: string;
  /** The address's 4 or 16 bytes. */
  bytes: Uint8Array;
  port: number;
  /** The gate's own address that it came to; null when the host cannot tell. */
  local: string | null;
}

/** What the lanes ask of the rest of the core. */
export interface LaneHost {
  /** Tells a node; without a session it is not told. */
  tell(net: string, node: string, message: FromGate): void;
  isLive(net: string, node: string): boolean;
  act(action: LaneAction): void;
  wakeBy(at: number): void;
}

export interface LaneOptions {
  /** Null: this gate has none. */
  ports: PortRange | null;
  limits?: Partial<LaneLimits>;
  hmac: Hmac;
  random(n: number): Uint8Array;
  /** Whether an address may be an end (addresses.ts). */
  accept(address: string): boolean;
}

/** Two nodes of a network that may get a lane, or have one. */
interface Pair {
  net: string;
  nodes: readonly [string, string];
  /** When each has asked; null when it has not. */
  asked: [number | null, number | null];
  lane: Lane | null;
}

/** See the module's header. Times are ms since 1970. */
export class Lanes {
  readonly #o: LaneOptions;
  readonly #host: LaneHost;
  readonly #limits: LaneLimits;
  readonly #ports: Ports | null;
  readonly #secret: Uint8Array;
  readonly #pairs = new Map<string, Pair>();
  readonly #byPort = new Map<number, Lane>();
  /** How many pairs and lanes name a node, by network and node. */
  readonly #counts = new Map<string, { pairs: number; lanes: number }>();
  /** Lanes that both ends know to be over. */
  #ending: { lane: Lane; at: number }[] = [];
  readonly sums = { opened: 0, refused: 0, moves: 0, badControl: 0 };

  constructor(o: LaneOptions, host: LaneHost) {
    this.#o = o;
    this.#host = host;
    this.#limits = { ...LANE_LIMITS, ...o.limits };
    this.#ports = o.ports && new Ports(o.ports);
    this.#secret = o.random(32);
  }

  /** Lanes that there are now. */
  get size(): number {
    return this.#byPort.size;
  }

  /** A live member wants, or no longer wants, a lane with another one. */
  ask(o: { net: string; from: string; to: string; want: boolean; now: number }): void {
    const { net, from, to, now } = o;
    if (from === to) return;
    const key = keyOf(net, from, to);
    let pair = this.#pairs.get(key);
    if (!o.want) return pair && this.#leave(pair, from, now);
    if (!this.#ports) return this.#refuse(net, from, to, "no-lanes");
    if (!pair) {
      if (this.#countOf(net, from).pairs >= this.#limits.asksPerNode + this.#limits.perNode) {
        return this.#refuse(net, from, to, "node-quota");
      }
      pair = { net, nodes: from < to ? [from, to] : [to, from], asked: [null, null], lane: null };
      this.#pairs.set(key, pair);
      this.#count(pair, "pairs", 1);
    }
    const end = endOf(pair, from);
    pair.asked[end] = now;
    this.#host.wakeBy(now + LOOK);
    if (pair.lane) return this.#grant(pair.lane, end); // asked again, after a new session perhaps
    const other = pair.asked[1 - end]!;
    if (other === null || now - other >= this.#limits.askTime || !this.#host.isLive(net, to)) return;
    this.#open(pair, now);
  }

  #open(pair: Pair, now: number): void {
    const { net, nodes } = pair;
    const full = nodes.some((node) => this.#countOf(net, node).lanes >= this.#limits.perNode);
    const port = full ? null : this.#ports!.take();
    if (port === null) {
      const reason = full ? "node-quota" : "no-ports";
      pair.asked = [null, null];
      for (const end of [0, 1] as const) this.#refuse(net, nodes[end], nodes[1 - end]!, reason);
      return;
    }
    const lane = new Lane({ net, port, nodes, tokens: [this.#o.random(32), this.#o.random(32)] }, now);
    pair.lane = lane;
    this.#byPort.set(port, lane);
    this.#count(pair, "lanes", 1);
    this.sums.opened++;
    this.#host.act({ t: "lane-open", port });
    for (const end of [0, 1] as const) this.#grant(lane, end);
  }

  #grant(lane: Lane, end: LaneEnd): void {
    const { node, token } = lane.ends[end];
    const other = lane.ends[1 - end]!.node;
    this.#host.tell(lane.net, node, { t: "lane", node: other, port: lane.port, end, token: toBase64Url(token) });
    if (lane.path) this.#ready(lane, end);
  }

  #ready(lane: Lane, end: LaneEnd): void {
    const family = familyOf(lane.path![end].address);
    const node = lane.ends[1 - end]!.node;
    this.#host.tell(lane.net, lane.ends[end].node, { t: "lane-ready", node, port: lane.port, family });
  }

  #refuse(net: string, node: string, other: string, reason: string): void {
    this.sums.refused++;
    this.#host.tell(net, node, { t: "lane-ended", node: other, reason });
  }

  #leave(pair: Pair, node: string, now: number): void {
    pair.asked[endOf(pair, node)] = null;
    if (pair.lane) this.#end(pair.lane, { reason: "left", now });
  }

  /** A control datagram that came to the lanes' ports. */
  control(bytes: Uint8Array, from: LaneSource, now: number): void {
    const request = decodeLaneRequest(bytes);
    const lane = request && this.#byPort.get(request.port);
    const end = lane && lane.ends[request!.end];
    if (!end || !laneIntegrityHolds(bytes, end.token, this.#o.hmac) || !this.#o.accept(from.address)) {
      this.sums.badControl++;
      return;
    }
    const { transaction } = request!;
    const family = familyOf(from.address);
    const nonce = this.#nonce(lane!, { request: request!, epoch: end.epochs[family], from });
    const answer = equalBytes(nonce, request!.nonce)
      ? this.#proved(lane!, { end: request!.end, family, from, now }) &&
        encodeLaneProved({ address: from.bytes, port: from.port, transaction }, end.token, this.#o.hmac)
      : encodeLaneNonce({ nonce, transaction }, end.token, this.#o.hmac);
    if (answer) this.#host.act({ t: "lane-answer", port: lane!.port, bytes: answer, to: from });
  }

  #nonce(lane: Lane, o: { request: LaneRequest; epoch: number; from: LaneSource }): Uint8Array {
    const { request, epoch, from } = o;
    const text = `${lane.port} ${request.end} ${epoch} ${from.address} ${from.port} ${from.local}`;
    return this.#o.hmac(this.#secret, new TextEncoder().encode(text)).slice(0, 16);
  }

  /** The address counts; false when it changes too often. */
  #proved(lane: Lane, o: { end: LaneEnd; family: Family; from: LaneSource; now: number }): boolean {
    const { family, from, now } = o;
    const end = lane.ends[o.end];
    const before = end.proved[family];
    const same = before?.address === from.address && before.port === from.port && before.local === from.local;
    if (same) {
      before.at = now;
      return true;
    }
    if (!lane.moves.take(1, now)) return false;
    if (before) {
      // What was proved before cannot be proved again by the old nonce; the new address keeps working with the next one.
      end.epochs[family]++;
      this.sums.moves++;
    }
    end.proved[family] = { address: from.address, port: from.port, local: from.local, at: now };
    this.#choosePath(lane, now);
    return true;
  }

  #choosePath(lane: Lane, now: number): void {
    const path = lane.bestPath();
    if (path === null || samePath(path, lane.path)) return;
    const before = lane.path;
    lane.path = path;
    this.#host.act({ t: "lane-path", port: lane.port, path, nodes: [lane.ends[0].node, lane.ends[1].node] });
    if (!before) lane.usedAt = now;
    const told = before && [0, 1].every((i) => familyOf(before[i]!.address) === familyOf(path[i]!.address));
    if (!told) { for (const end of [0, 1] as const) this.#ready(lane, end); }
  }

  /** The host could not take the port. */
  failed(port: number, now: number): void {
    const lane = this.#byPort.get(port);
    if (!lane) return;
    this.#end(lane, { reason: "no-port", now, atOnce: true, keepPort: true });
  }

  /** Data crossed on these ports since the last look. */
  used(ports: Iterable<number>, now: number): void {
    for (const port of ports) {
      const lane = this.#byPort.get(port);
      if (lane) lane.usedAt = now;
    }
  }

  /** A node is no longer admitted, or this gate no longer knows whether it is: its lanes end at once. */
  cut(net: string, node: string, now: number): void {
    for (const lane of [...this.#byPort.values(), ...this.#ending.map((e) => e.lane)]) {
      if (lane.net === net && lane.ends.some((end) => end.node === node)) {
        this.#end(lane, { reason: "cut", now, atOnce: true });
      }
    }
  }

  /** The ledger has grown: what has no session here cannot be checked against it. */
  cutAbsent(net: string, now: number): void {
    const absent = (lane: Lane) => lane.ends.filter((end) => !this.#host.isLive(net, end.node));
    for (const lane of [...this.#byPort.values()]) {
      if (lane.net === net && absent(lane).length > 0) this.#end(lane, { reason: "cut", now, atOnce: true });
    }
  }

  #end(lane: Lane, o: { reason: string; now: number; atOnce?: boolean; keepPort?: boolean }): void {
    const pair = this.#pairs.get(keyOf(lane.net, lane.ends[0].node, lane.ends[1].node));
    if (pair?.lane === lane) {
      pair.lane = null;
      pair.asked = [null, null];
      this.#count(pair, "lanes", -1);
      for (const end of [0, 1] as const) {
        const node = lane.ends[1 - end]!.node;
        this.#host.tell(lane.net, lane.ends[end].node, { t: "lane-ended", node, reason: o.reason });
      }
      this.#ending.push({ lane, at: o.now + this.#limits.linger });
      this.#host.wakeBy(o.now + LOOK);
    }
    if (!o.atOnce) return;
    this.#ending = this.#ending.filter((e) => e.lane !== lane);
    this.#close(lane, o.keepPort);
  }

  #close(lane: Lane, keepPort = false): void {
    if (this.#byPort.get(lane.port) !== lane) return;
    this.#byPort.delete(lane.port);
    // A port that somebody else has stays out of use.
    if (!keepPort) this.#ports!.give(lane.port);
    this.#host.act({ t: "lane-close", port: lane.port });
  }

  /** Ends what is over; asks to be called again while there is anything. */
  tick(now: number): void {
    const over = this.#ending.filter((e) => e.at <= now);
    this.#ending = this.#ending.filter((e) => e.at > now);
    for (const { lane } of over) this.#close(lane);
    for (const [key, pair] of this.#pairs) {
      const { lane } = pair;
      if (lane) this.#look(lane, now);
      for (const end of [0, 1] as const) {
        if (pair.asked[end] !== null && now - pair.asked[end] >= this.#limits.askTime) pair.asked[end] = null;
      }
      if (pair.lane || pair.asked[0] !== null || pair.asked[1] !== null) continue;
      this.#pairs.delete(key);
      this.#count(pair, "pairs", -1);
    }
    if (this.#pairs.size + this.#ending.length > 0) this.#host.wakeBy(now + LOOK);
  }

  #look(lane: Lane, now: number): void {
    const { proveTime, proofTime, awayTime, idleTime } = this.#limits;
    lane.forget(now - proofTime);
    for (const end of lane.ends) {
      if (this.#host.isLive(lane.net, end.node)) end.awaySince = null;
      else if (now - (end.awaySince ??= now) >= awayTime) return this.#end(lane, { reason: "away", now });
    }
    const path = lane.bestPath();
    if (!path) {
      if (lane.path || now - lane.openedAt >= proveTime) this.#end(lane, { reason: "unproved", now });
    } else if (now - lane.usedAt >= idleTime) this.#end(lane, { reason: "idle", now });
    else this.#choosePath(lane, now);
  }

  #countOf(net: string, node: string): { pairs: number; lanes: number } {
    return this.#counts.get(`${net} ${node}`) ?? { pairs: 0, lanes: 0 };
  }

  #count(pair: Pair, what: "pairs" | "lanes", by: 1 | -1): void {
    for (const node of pair.nodes) {
      const counts = this.#countOf(pair.net, node);
      counts[what] += by;
      if (counts.pairs + counts.lanes > 0) this.#counts.set(`${pair.net} ${node}`, counts);
      else this.#counts.delete(`${pair.net} ${node}`);
    }
  }
}

function keyOf(net: string, a: string, b: string): string {
  return a < b ? `${net} ${a} ${b}` : `${net} ${b} ${a}`;
}

function endOf(pair: Pair, node: string): LaneEnd {
  return pair.nodes[0] === node ? 0 : 1;
}
