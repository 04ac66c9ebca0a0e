/**
 * The QUIC server: accepts connections, feeds the core with what they say, and does what the core asks.
 */
import { GATE_ALPN, type SessionClaims } from "../../mesh/wire/gate_session.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerHead, LedgerMessage } from "../../mesh/wire/ledger.ts";
import type { TurnGrantedCredentials } from "../../mesh/wire/turn.ts";
import type { Log } from "../../mesh/host/log.ts";
import { CLOSE, type ConnId, type GateAction, type GateEvent, type Member } from "../core/event.ts";
import type { LaneAction } from "../core/lanes/event.ts";
import type { GateCore } from "../core/gate.ts";
import { sourceOf } from "../core/source.ts";
import type { Tickets } from "../core/tickets.ts";
import type { Certificate } from "./certificate.ts";
import { Door } from "./door.ts";
import { Line } from "./line.ts";

/** Nodes keep their sessions alive every 3 s, so a dead one is known after this many ms. */
const IDLE = 10_000;
/**
 * Between two ticks of the core, in ms. A tick looks at every session, and of many sessions one is always due: without a bound the gate
 * would do little else (measured with 10,000).
 */
const TICK = 100;
/** How long nodes get to go elsewhere after they were told that this gate stops, and between looks, in ms. */
const FAREWELL = 1_500;
const FAREWELL_LOOK = 50;
/** How long the closing of all sessions gets to leave the machine, in ms. */
const CLOSING = 100;

/** What sessions say of the ledger. */
export type LedgerTalk = LedgerMessage | { t: "head"; head: LedgerHead };

/** Signs and checks on the core's behalf. */
export interface Judge {
  prove(claims: SessionClaims): Promise<string>;
  /** @throws GhostError whose code the node is told */
  verify(o: { claims: SessionClaims; proof: string; record: string }): Promise<Member>;
  /** Takes entries from an admin; gives the head that the ledger has then. @throws GhostError whose code the admin is told */
  hand(o: { claims: SessionClaims; proof: string; entries: string[] }): Promise<LedgerHead>;
  /** @throws GhostError */
  recheck(o: { key: string; record: string }): Promise<Member>;
  /** Somebody knows a longer ledger. */
  behind(): void;
  /** Somebody speaks of the ledger; gives what is to be answered. */
  exchange(node: string, message: LedgerTalk): Promise<LedgerTalk[]>;
}

export interface GateServerOptions {
  endpoint: Deno.QuicEndpoint;
  certificate: Certificate;
  core: GateCore;
  judge: Judge;
  tickets: Tickets;
  /** Left out: no lanes. */
  lanes?: { do(action: LaneAction): void };
  /** Left out: no TURN service. */
  turn?: { issue(member: Member, record: string): TurnGrantedCredentials | undefined };
  log: Log;
  /** ms since 1970. */
  now(): number;
  /** ms of a clock that goes on steadily whatever is done to the machine's own. */
  clock(): number;
  /** After how many ms without a sign of life a connection is gone. */
  idle?: number;
}

export class GateServer {
  readonly #o: GateServerOptions;
  /** Who comes in. */
  readonly door: Door;
  readonly #listener: Deno.QuicListener;
  readonly #lines = new Map<ConnId, Line>();
  /** The nodes of live sessions, and the records that these stand on. */
  readonly #members = new Map<ConnId, { node: string; record: string }>();
  #nextConn = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #closed = false;
  constructor(o: GateServerOptions) {
    this.#o = o;
    this.door = new Door({ ...o, opened: (conn) => this.#opened(conn) });
    this.#listener = o.endpoint.listen({
      cert: o.certificate.cert,
      key: o.certificate.key,
      alpnProtocols: [GATE_ALPN],
      congestionControl: "low-latency",
      maxIdleTimeout: o.idle ?? IDLE,
      maxConcurrentBidirectionalStreams: 1,
      maxConcurrentUnidirectionalStreams: 0,
    });
    void this.#listen();
  }

  async #listen(): Promise<void> {
    for await (const incoming of this.#listener) void this.door.take(incoming);
  }

  #opened(conn: Deno.QuicConn): void {
    if (this.#closed) return conn.close({ closeCode: CLOSE.shutdown, reason: "" });
    const id = this.#nextConn++;
    const { hostname, port } = conn.remoteAddr;
    const source = sourceOf(hostname, port);
    const line = new Line(conn, {
      message: (message) => this.handle({ t: "message", conn: id, message }),
      datagram: (frame) => {
        const to = this.#o.core.datagram(id, frame, this.#o.clock());
        if (to !== undefined) this.#lines.get(to)?.wakePackets();
      },
      closed: (reason) => {
        const member = this.#members.get(id);
        if (member) this.#o.log.info("session ended", { node: member.node, reason });
        this.#lines.delete(id);
        this.#members.delete(id);
        this.handle({ t: "closed", conn: id });
      },
      nextControl: () => this.#o.core.nextControl(id),
      nextPacket: () => this.#o.core.nextPacket(id),
    });
    this.#lines.set(id, line);
    this.handle({ t: "opened", conn: id, observed: source.text, source: source.group });
    line.start();
  }

  /** Tells the core and does what it asks. */
  handle(event: GateEvent): void {
    const time = { now: this.#o.clock(), wall: this.#o.now() };
    for (const action of this.#o.core.handle(event, time)) this.#do(action);
    this.#arm();
  }

  #do(action: GateAction): void {
    switch (action.t) {
      case "wake":
        this.#lines.get(action.conn)?.wakeControl();
        return;
      case "end":
        this.#lines.get(action.conn)?.end(action.code, action);
        return;
      case "behind":
        return this.#o.judge.behind();
      case "exchange":
        this.#exchange(action);
        return;
      case "turn": {
        const { conn, member } = action;
        const record = this.#members.get(conn)?.record;
        const credentials = record !== undefined && this.#o.turn?.issue(member, record);
        if (credentials) this.handle({ t: "tell", conn, message: { t: "turn", ...credentials } });
        return;
      }
      case "prove":
        this.#answer(action.conn, async () => {
          this.handle({ t: "proved", conn: action.conn, proof: await this.#o.judge.prove(action.claims) });
        });
        return;
      case "hand":
        this.#answer(action.conn, async () => {
          this.handle({ t: "handed", conn: action.conn, head: await this.#o.judge.hand(action) });
        });
        return;
      case "verify":
      case "recheck":
        this.#answer(action.conn, async () => {
          const member = action.t === "verify"
            ? await this.#o.judge.verify(action)
            : await this.#o.judge.recheck(action);
          if (!this.#lines.has(action.conn)) return;
          this.#members.set(action.conn, { node: member.id, record: action.record });
          if (action.t === "verify") this.#o.log.info("session", { node: member.id });
          this.handle({ t: "verified", conn: action.conn, member });
        });
        return;
      default:
        return this.#o.lanes?.do(action);
    }
  }

  async #exchange({ conn, node, message }: GateAction & { t: "exchange" }): Promise<void> {
    try {
      const answers = await this.#o.judge.exchange(node, message);
      for (const answer of answers) this.handle({ t: "tell", conn, message: answer });
    } catch (error) {
      this.#o.log.warn("refused ledger entries", { node, why: errorLine(error) });
    }
  }

  /** Runs a piece of the judge's work; its refusal is the node's answer. */
  async #answer(conn: ConnId, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof GhostError)) this.#o.log.error("cannot check a node", { error });
      const code = error instanceof GhostError ? error.code : "internal";
      const message = error instanceof GhostError ? error.line : "The gate failed";
      this.#o.log.debug("refused", { code, message });
      this.handle({ t: "rejected", conn, code, message });
    }
  }

  /**
   * Checks every live session's record anew, after the ledger has changed what records are judged by.
   * @returns those that held, by their records
   */
  async recheckAll(): Promise<Map<string, Member>> {
    const held = new Map<string, Member>();
    for (const [conn, { record }] of [...this.#members]) {
      const known = this.#o.core.memberOf(conn);
      if (!known) continue;
      let verdict: GateEvent;
      try {
        const member = await this.#o.judge.recheck({ key: known.key, record });
        held.set(record, member);
        verdict = { t: "verified", conn, member }; // it may end at another time
      } catch (error) {
        verdict = { t: "cut", conn, message: errorLine(error) };
      }
      // Only if it still stands on that record: a newer one may have come meanwhile.
      if (this.#members.get(conn)?.record === record) this.handle(verdict);
    }
    return held;
  }

  /** Hands TURN credentials to a node's session; false when it has none. */
  tellTurn(net: string, node: string, credentials: TurnGrantedCredentials): boolean {
    const conn = this.#o.core.connOf(net, node);
    if (conn === null) return false;
    this.handle({ t: "tell", conn, message: { t: "turn", ...credentials } });
    return true;
  }

  #arm(): void {
    const at = this.#o.core.nextDeadline();
    if (at === this.#timerAt || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    // A day at most: longer times than 24.8 days do not fit a timer.
    const wait = Math.min(Math.max(at - this.#o.clock(), TICK), 86_400_000);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.handle({ t: "tick" });
    }, wait);
  }

  /** Live sessions. */
  get sessions(): number {
    return this.#o.core.counts().sessions;
  }

  /** Tells all sessions that this gate is about to stop, and gives them a moment to go elsewhere; nobody comes in any more. */
  async farewell(): Promise<void> {
    this.#listener.stop();
    this.handle({ t: "bye" });
    for (let waited = 0; waited < FAREWELL && this.sessions > 0; waited += FAREWELL_LOOK) {
      await new Promise((resolve) => setTimeout(resolve, FAREWELL_LOOK));
    }
  }

  /** Closes all sessions and stops listening; the endpoint is closed too. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listener.stop();
    for (const line of [...this.#lines.values()]) {
      line.end(CLOSE.shutdown, { reason: "The gate is shutting down", flush: false });
    }
    this.#o.endpoint.close({ closeCode: CLOSE.shutdown, reason: "The gate is shutting down" });
    await new Promise((resolve) => setTimeout(resolve, CLOSING));
  }
}
