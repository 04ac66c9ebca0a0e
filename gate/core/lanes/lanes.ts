/**
 * Lanes: a UDP port for two nodes, over which the gate's kernel passes the packets of one to the other (rung 2).
 *
 * - A lane begins when both of two live members of one network have asked for it, and ends when one has left, has lost its
 *   session for long, has not proved its address for long, or when no data has crossed for long. Who is cut off the network
 *   takes its lanes along at once; all other ends come a moment after both have been told.
 * - One port serves both directions: a packet from one end's proved address goes to the other end's.
 * - An address counts when its end has proved it (proofs.ts); later proofs move it.
 * - Bounds: ports, lanes of a node and of a network, requests a second of a node, moves a second of a lane.
 *
 * Left out on purpose: bytes a second, which the host bounds in the kernel (gate/core/lanes/rules.ts).
 */
import { LANE_IDLE, type LaneEnd } from "../../../mesh/wire/gate_session.ts";
import { toBase64Url } from "../../../mesh/wire/encoding.ts";
import { familyOf } from "../../../mesh/wire/stun/address.ts";
import type { LaneHost, LaneOptions } from "./event.ts";
import { Lane, type LaneAddress, samePath } from "./lane.ts";
import { LANE_LIMITS, type LaneLimits } from "./limits.ts";
import { endOf, type Pair, Pairs } from "./pairs.ts";
import { Ports } from "./ports.ts";
import { Proofs } from "./proofs.ts";

/** How often lanes are looked at, in ms. */
const LOOK = 1_000;

/** See the module's header. Times are ms since 1970. */
export class Lanes {
  readonly #o: LaneOptions;
  readonly #host: LaneHost;
  readonly #limits: LaneLimits;
  readonly #ports: Ports | null;
  readonly #proofs: Proofs;
  readonly #pairs = new Pairs();
  readonly #byPort = new Map<number, Lane>();
  /** Lanes that both ends know to be over. */
  #ending: { lane: Lane; at: number }[] = [];
  readonly sums = { opened: 0, refused: 0, moves: 0, badControl: 0 };

  constructor(o: LaneOptions, host: LaneHost) {
    this.#o = o;
    this.#host = host;
    this.#limits = { ...LANE_LIMITS, ...o.limits };
    this.#ports = o.ports && new Ports(o.ports);
    const laneOf = (port: number) => this.#byPort.get(port);
    this.#proofs = new Proofs({ hmac: o.hmac, secret: o.random(32), accept: o.accept, laneOf });
  }

  /** Whether this gate has lanes at all. */
  get given(): boolean {
    return this.#ports !== null;
  }

  /** Lanes that there are now. */
  get size(): number {
    return this.#byPort.size;
  }

  /** A live member wants, or no longer wants, a lane with another one. */
  ask(o: { net: string; from: string; to: string; want: boolean; now: number }): void {
    const { net, from, to, now } = o;
    if (from === to) return;
    let pair = this.#pairs.find(net, from, to);
    if (!o.want) return pair && this.#leave(pair, from, now);
    if (!this.given) return this.#refuse(net, from, to, "no-lanes");
    if (!pair) {
      if (this.#pairs.ofNode(net, from).pairs >= this.#limits.asksPerNode + this.#limits.perNode) {
        return this.#refuse(net, from, to, "node-quota");
      }
      pair = this.#pairs.add(net, from, to);
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
    const { perNode, perNetwork } = this.#limits;
    const full = nodes.some((node) => this.#pairs.ofNode(net, node).lanes >= perNode)
      ? "node-quota"
      : this.#pairs.ofNetwork(net).lanes >= perNetwork
      ? "network-quota"
      : null;
    const port = full === null ? this.#ports!.take() : null;
    if (port === null) {
      const reason = full ?? "no-ports";
      pair.asked = [null, null];
      for (const end of [0, 1] as const) this.#refuse(net, nodes[end], nodes[1 - end]!, reason);
      return;
    }
    const lane = new Lane({ net, port, nodes, tokens: [this.#o.random(32), this.#o.random(32)] }, now);
    this.#pairs.set(pair, lane);
    this.#byPort.set(port, lane);
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
  control(bytes: Uint8Array, from: LaneAddress, now: number): void {
    const heard = this.#proofs.hear(bytes, from, now);
    if (!heard) {
      this.sums.badControl++;
      return;
    }
    const { lane, answer, change } = heard;
    if (change === "moved") this.sums.moves++;
    if (change !== "none") this.#choosePath(lane, now);
    if (answer) this.#host.act({ t: "lane-answer", port: lane.port, bytes: answer, to: from });
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
    const pair = this.#pairs.find(lane.net, lane.ends[0].node, lane.ends[1].node);
    if (pair?.lane === lane) {
      this.#pairs.set(pair, null);
      pair.asked = [null, null];
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
    for (const pair of this.#pairs) {
      if (pair.lane) this.#look(pair.lane, now);
      for (const end of [0, 1] as const) {
        if (pair.asked[end] !== null && now - pair.asked[end] >= this.#limits.askTime) pair.asked[end] = null;
      }
      if (pair.lane || pair.asked[0] !== null || pair.asked[1] !== null) continue;
      this.#pairs.delete(pair);
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
    } else if (now - lane.usedAt >= idleTime) this.#end(lane, { reason: LANE_IDLE, now });
    else this.#choosePath(lane, now);
  }
}
