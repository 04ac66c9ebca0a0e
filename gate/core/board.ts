/**
 * What the parts of the core share: all connections, the networks, the actions of the event in hand, the next deadline,
 * and the ways in which a session speaks and ends.
 */
import type { FromGate } from "../../mesh/wire/gate_session.ts";
import { CLOSE, type CloseCode, type ConnId, type GateAction, type Member } from "./event.ts";
import { LIMITS, type Limits } from "./limits.ts";
import type { LaneOptions } from "./lanes/event.ts";
import { Lanes } from "./lanes/lanes.ts";
import type { Network } from "./network.ts";
import type { Session } from "./session.ts";

/** What the core is given. */
export interface GateOptions {
  /** The gate's identity key and its certificate's SHA-256, both base64url. */
  key: string;
  cert: string;
  /** 32 fresh random bytes in base64url. */
  nonce(): string;
  limits?: Partial<Limits>;
  /** Left out: this gate has no lanes. */
  lanes?: LaneOptions;
}

/** Sums since the start. */
export interface Sums {
  packets: number;
  packetsNowhere: number;
  packetsDropped: number;
  signals: number;
  signalsNowhere: number;
  signalsDropped: number;
  refused: number;
}

const NO_LANES: LaneOptions = {
  ports: null,
  hmac: () => new Uint8Array(32),
  random: (n) => new Uint8Array(n),
  accept: () => false,
};

export class Board {
  readonly options: GateOptions;
  readonly limits: Limits;
  readonly all: Map<ConnId, Session> = new Map();
  readonly networks: Map<string, Network> = new Map();
  /** Connections without a live session, per source: those still to prove themselves and those on their way out. */
  readonly sources: Map<string, number> = new Map();
  readonly sums: Sums = {
    packets: 0,
    packetsNowhere: 0,
    packetsDropped: 0,
    signals: 0,
    signalsNowhere: 0,
    signalsDropped: 0,
    refused: 0,
  };
  readonly lanes: Lanes;
  live = 0;
  /** The times of the event in hand (gate.ts). */
  now = 0;
  wall = 0;
  out: GateAction[] = [];
  wakeAt = Infinity;

  constructor(options: GateOptions) {
    this.options = options;
    this.limits = { ...LIMITS, ...options.limits };
    this.lanes = new Lanes(options.lanes ?? NO_LANES, {
      tell: (net, node, message) => {
        const session = this.networks.get(net)?.members.get(node);
        if (session) this.send(session, message);
      },
      isLive: (net, node) => this.networks.get(net)?.members.get(node) !== undefined,
      act: (action) => this.out.push(action),
      wakeBy: (at) => this.wakeBy(at),
    });
  }

  at(conn: ConnId, stage: Session["stage"]): Session | undefined {
    const session = this.all.get(conn);
    return session?.stage === stage ? session : undefined;
  }

  /** The network of a session that has said hello. */
  networkOf(session: Session): Network {
    return this.networks.get(session.claims!.net)!;
  }

  /** When a member's record ends by what the machine's own clock says now, in ms of the steady one. */
  endOf(member: Member): number {
    return this.now + Math.max(0, member.expires * 1000 - this.wall);
  }

  wakeBy(at: number): void {
    if (at < this.wakeAt) this.wakeAt = at;
  }

  send(session: Session, message: FromGate): void {
    session.control.push(message);
    this.out.push({ t: "wake", conn: session.conn });
  }

  refuse(session: Session, code: string, message: string): void {
    this.sums.refused++;
    session.control.push({ t: "refused", code: code.slice(0, 64), message: message.slice(0, 512) });
    this.end(session, CLOSE.refused, { reason: message, flush: true });
  }

  /** Ends a session at once for everybody else; the connection itself is the host's to close. */
  end(session: Session, code: CloseCode, { reason, flush = false }: { reason: string; flush?: boolean }): void {
    if (session.stage === "ending") return;
    const { member } = session;
    const network = member && this.networkOf(session);
    this.leave(session);
    if (network && (code === CLOSE.cut || code === CLOSE.expired)) this.lanes.cut(network.id, member.id, this.now);
    session.stage = "ending";
    session.packets.clear();
    if (!flush) session.control.clear();
    this.out.push({ t: "end", conn: session.conn, code, reason, flush });
  }

  /** Takes a live session out of its network. */
  leave(session: Session): void {
    if (session.stage !== "live") return;
    this.live--;
    this.countSource(session, 1);
    const network = this.networkOf(session);
    network.watch(session, []);
    const id = session.member!.id;
    if (network.members.get(id) !== session) return;
    network.members.delete(id);
    this.tellPresence(network, id, false);
  }

  tellPresence(network: Network, node: string, up: boolean): void {
    for (const watcher of network.watchersOf(node)) this.send(watcher, { t: "presence", node, up });
  }

  countSource(session: Session, by: 1 | -1): void {
    const count = (this.sources.get(session.source) ?? 0) + by;
    if (count > 0) this.sources.set(session.source, count);
    else this.sources.delete(session.source);
  }
}
