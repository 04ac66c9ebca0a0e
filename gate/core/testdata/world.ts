/** A gate's core for tests, with keys, ids and frames that are numbers. */
import assert from "node:assert/strict";
import { FRAME_HEADER, FRAME_PACKET, nodeIdBytes } from "../../../mesh/wire/gate_session.ts";
import { toBase32, toBase64Url } from "../../../mesh/wire/encoding.ts";
import type { ConnId, GateAction, GateEvent } from "../event.ts";
import { GateCore } from "../gate.ts";
import type { Limits } from "../limits.ts";

export const NET = "a".repeat(32);
export const OTHER_NET = "b".repeat(32);
export const START = 1_800_000_000_000;
export const EXPIRES = START / 1000 + 3600;

export function key(n: number): string {
  return toBase64Url(new Uint8Array(32).fill(n));
}

export function id(n: number): string {
  return toBase32(new Uint8Array(16).fill(n));
}

export function head(seq: number) {
  return { seq, hash: key(seq) };
}

export function frame(to: string, body = "hello", type = FRAME_PACKET): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const out = new Uint8Array(FRAME_HEADER + bytes.length);
  out[0] = type;
  out.set(nodeIdBytes(to), 1);
  out.set(bytes, FRAME_HEADER);
  return out;
}

/** A core with a clock, and the shortest way to sessions. */
export class World {
  readonly core: GateCore;
  now = START;
  /** By how much the machine's own clock is ahead of the steady one, in ms. */
  ahead = 0;
  #nonces = 100;

  constructor(limits: Partial<Limits> = {}, nets = [NET]) {
    this.core = new GateCore({ key: key(1), cert: key(2), nonce: () => key(this.#nonces++), limits });
    for (const net of nets) this.handle({ t: "ledger", net, head: head(3) });
  }

  handle(event: GateEvent): GateAction[] {
    return this.core.handle(event, { now: this.now, wall: this.now + this.ahead });
  }

  open(conn: ConnId, source = "192.0.2.1"): GateAction[] {
    return this.handle({ t: "opened", conn, observed: `${source}:1000`, source });
  }

  /** Hello and auth, up to the `verify` that the host is asked for. */
  knock(conn: ConnId, n: number, net = NET): GateAction & { t: "verify" } {
    this.open(conn);
    this.handle({ t: "message", conn, message: { t: "hello", net, key: key(n), nonce: key(9) } });
    this.handle({ t: "proved", conn, proof: "a.b.c" });
    const out = this.handle({
      t: "message",
      conn,
      message: { t: "auth", record: "r.r.r", proof: "p.p.p", head: head(3) },
    });
    const verify = out.find((a) => a.t === "verify");
    assert(verify);
    return verify;
  }

  /** A live session of node `n`. */
  join(conn: ConnId, n: number, net = NET): GateAction[] {
    this.knock(conn, n, net);
    return this.handle({
      t: "verified",
      conn,
      member: { id: id(n), key: key(n), expires: EXPIRES },
    });
  }

  sent(conn: ConnId): unknown[] {
    const out = [];
    for (let m = this.core.nextControl(conn); m; m = this.core.nextControl(conn)) out.push(m);
    return out;
  }

  say(conn: ConnId, message: (GateEvent & { t: "message" })["message"]): GateAction[] {
    return this.handle({ t: "message", conn, message });
  }
}
