import assert from "node:assert/strict";
import {
  FRAME_FIRST,
  FRAME_HEADER,
  FRAME_PACKET,
  frameNodeId,
  MAX_PACKET,
  nodeIdBytes,
} from "../../mesh/wire/gate_session.ts";
import { toBase32, toBase64Url } from "../../mesh/wire/encoding.ts";
import { CLOSE, type ConnId, type GateAction, type GateEvent } from "./event.ts";
import { GateCore } from "./gate.ts";
import type { Limits } from "./limits.ts";

const NET = "a".repeat(32);
const OTHER_NET = "b".repeat(32);
const START = 1_800_000_000_000;
const EXPIRES = START / 1000 + 3600;

function key(n: number): string {
  return toBase64Url(new Uint8Array(32).fill(n));
}

function id(n: number): string {
  return toBase32(new Uint8Array(16).fill(n));
}

function head(seq: number) {
  return { seq, hash: key(seq) };
}

function frame(to: string, body = "hello", type = FRAME_PACKET): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const out = new Uint8Array(FRAME_HEADER + bytes.length);
  out[0] = type;
  out.set(nodeIdBytes(to), 1);
  out.set(bytes, FRAME_HEADER);
  return out;
}

/** A core with a clock, and the shortest way to sessions. */
class World {
  readonly core: GateCore;
  now = START;
  #nonces = 100;

  constructor(limits: Partial<Limits> = {}, nets = [NET]) {
    this.core = new GateCore({ key: key(1), cert: key(2), nonce: () => key(this.#nonces++), limits });
    for (const net of nets) this.handle({ t: "ledger", net, head: head(3) });
  }

  handle(event: GateEvent): GateAction[] {
    return this.core.handle(event, this.now);
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

Deno.test("GateCore welcomes a node whose proof the host has verified", () => {
  const w = new World();
  const verify = w.knock(1, 10);
  assert.deepEqual(verify.claims, {
    role: "node",
    net: NET,
    gate: key(1),
    node: key(10),
    cert: key(2),
    nonces: [key(9), key(100)],
  });
  w.handle({ t: "verified", conn: 1, member: { id: id(10), key: key(10), expires: EXPIRES } });
  assert.deepEqual(w.sent(1), [
    { t: "challenge", key: key(1), nonce: key(100), proof: "a.b.c" },
    { t: "welcome", observed: "192.0.2.1:1000", head: head(3) },
  ]);
  assert.equal(w.core.counts().sessions, 1);
});

Deno.test("GateCore asks for a proof over a fresh nonce each time, so that an old proof is for other claims", () => {
  const w = new World();
  assert.notDeepEqual(w.knock(1, 10).claims.nonces, w.knock(2, 10).claims.nonces);
});

Deno.test("GateCore does not take a verdict about another key than the one that said hello", () => {
  const w = new World();
  w.knock(1, 10);
  w.handle({ t: "verified", conn: 1, member: { id: id(11), key: key(11), expires: EXPIRES } });
  assert.equal(w.core.counts().sessions, 0);
});

Deno.test("GateCore refuses when it has no network, another network, or the message is out of turn", () => {
  const hello = { t: "hello", net: NET, key: key(10), nonce: key(9) } as const;
  for (
    const [nets, message, code] of [
      [[], hello, "not_claimed"],
      [[OTHER_NET], hello, "wrong_network"],
      [[NET], { t: "ping", n: 1 }, "bad_input"],
      [[NET], { t: "auth", record: "r.r.r", proof: "p.p.p", head: head(1) }, "bad_input"],
    ] as const
  ) {
    const w = new World({}, [...nets]);
    w.open(1);
    const out = w.say(1, message);
    assert.deepEqual(out.map((a) => a.t === "end" && [a.code, a.flush]), [[CLOSE.refused, true]]);
    assert.equal((w.sent(1)[0] as { code: string }).code, code);
  }
});

Deno.test("GateCore refuses with the host's code and lets nothing through before", () => {
  const w = new World();
  w.join(2, 11);
  w.knock(1, 10);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  w.handle({ t: "rejected", conn: 1, code: "not_admitted", message: "no" });
  assert.deepEqual(w.sent(1).at(-1), { t: "refused", code: "not_admitted", message: "no" });
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  assert.equal(w.core.counts().packets, 0);
});

Deno.test("GateCore forwards packets by node id with the sender's id in the same buffer", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  const sent = frame(id(11));
  assert.equal(w.core.datagram(1, sent, w.now), 2);
  const got = w.core.nextPacket(2)!;
  assert.equal(got, sent);
  assert.equal(frameNodeId(got), id(10));
  assert.equal(new TextDecoder().decode(got.subarray(FRAME_HEADER)), "hello");
  assert.equal(w.core.nextPacket(2), undefined);
});

Deno.test("GateCore drops unknown frame types, short and long frames, absent receivers and the sender itself", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  for (
    const bytes of [
      new Uint8Array(),
      new Uint8Array(FRAME_HEADER - 1),
      frame(id(11), ""),
      frame(id(11), "x", 0),
      frame(id(11), "x", 4),
      frame(id(11), "xy", FRAME_FIRST),
      frame(id(11), "x".repeat(MAX_PACKET + 1)),
      frame(id(12)),
      frame(id(10)),
    ]
  ) assert.equal(w.core.datagram(1, bytes, w.now), undefined);
  assert.equal(w.core.nextPacket(2), undefined);
  assert.equal(w.core.counts().packetsNowhere, 2);
});

Deno.test("GateCore forwards nothing from one network to another, even to the same node id", () => {
  const w = new World({}, [NET, OTHER_NET]);
  w.join(1, 10, NET);
  w.join(2, 11, OTHER_NET);
  w.join(3, 10, OTHER_NET);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  w.sent(2);
  w.say(1, { t: "signal", to: id(11), box: "secret" });
  w.say(1, { t: "watch", nodes: [id(11)] });
  assert.deepEqual(w.sent(2), []);
  assert.deepEqual(w.sent(1).at(-1), { t: "presence", node: id(11), up: false });
  assert.equal(w.core.datagram(2, frame(id(10)), w.now), 3);
});

Deno.test("GateCore forwards signals with the sender's id and counts those for nobody", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.sent(2);
  w.say(1, { t: "signal", to: id(11), box: "one" });
  w.say(1, { t: "signal", to: id(12), box: "two" });
  assert.deepEqual(w.sent(2), [{ t: "signal", from: id(10), box: "one" }]);
  assert.equal(w.core.counts().signalsNowhere, 1);
});

Deno.test("GateCore lets a newer session of a node take the older one's place without a gap in presence", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.say(2, { t: "watch", nodes: [id(10)] });
  w.sent(2);
  const out = w.join(3, 10);
  assert.deepEqual(out.filter((a) => a.t === "end").map((a) => [a.conn, a.code]), [[1, CLOSE.replaced]]);
  assert.equal(w.core.datagram(2, frame(id(10)), w.now), 3);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  assert.deepEqual([w.core.connOf(NET, id(10)), w.core.connOf(NET, id(12))], [3, null]);
  assert.equal(w.core.connOf(OTHER_NET, id(10)), null);
  w.handle({ t: "closed", conn: 1 });
  assert.deepEqual(w.sent(2), []);
  assert.equal(w.core.counts().sessions, 2);
});

Deno.test("GateCore tells watchers who comes and goes, and only what they ask for", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.sent(1);
  w.say(1, { t: "watch", nodes: [id(11), id(12)] });
  assert.deepEqual(w.sent(1), [
    { t: "presence", node: id(11), up: true },
    { t: "presence", node: id(12), up: false },
  ]);
  w.join(3, 12);
  w.join(4, 13);
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(12), up: true }]);
  w.say(1, { t: "watch", nodes: [id(12)] });
  w.sent(1);
  w.handle({ t: "closed", conn: 2 });
  w.handle({ t: "closed", conn: 3 });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(12), up: false }]);
});

Deno.test("GateCore holds back lists of watched nodes beyond the budget and applies the newest", () => {
  const w = new World({ watchRate: 1, watchBurst: 2 });
  w.join(1, 10);
  w.sent(1);
  w.say(1, { t: "watch", nodes: [id(11)] });
  w.say(1, { t: "watch", nodes: [id(12)] });
  w.say(1, { t: "watch", nodes: [id(13)] });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(11), up: false }]);
  w.now = w.core.nextDeadline();
  w.handle({ t: "tick" });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(13), up: false }]);
});

Deno.test("GateCore bounds what waits for a slow receiver and gives up the oldest", () => {
  const w = new World({ packets: 4, signals: 3, pongs: 2, signalBurst: 5, signalRate: 1 });
  w.join(1, 10);
  w.join(2, 11);
  w.sent(2);
  for (let i = 0; i < 10; i++) w.core.datagram(1, frame(id(11), `${i}`), w.now);
  const got = [];
  for (let p = w.core.nextPacket(2); p; p = w.core.nextPacket(2)) {
    got.push(new TextDecoder().decode(p.subarray(FRAME_HEADER)));
  }
  assert.deepEqual(got, ["6", "7", "8", "9"]);
  for (let i = 0; i < 10; i++) w.say(1, { t: "signal", to: id(11), box: `${i}` });
  for (let n = 0; n < 10; n++) w.say(2, { t: "ping", n });
  assert.deepEqual(w.sent(2), [
    { t: "pong", n: 8 },
    { t: "pong", n: 9 },
    { t: "signal", from: id(10), box: "2" },
    { t: "signal", from: id(10), box: "3" },
    { t: "signal", from: id(10), box: "4" },
  ]);
  const counts = w.core.counts();
  assert.deepEqual([counts.packetsDropped, counts.signals, counts.signalsDropped], [6, 5, 7]);
});

Deno.test("GateCore bounds connections that have not proved themselves, in all and per source", () => {
  const w = new World({ unproved: 3, unprovedPerSource: 2 });
  const ended = (out: GateAction[]) => out.filter((a) => a.t === "end").map((a) => a.code);
  assert.deepEqual(ended(w.open(1)), []);
  assert.deepEqual(ended(w.open(2)), []);
  assert.deepEqual(ended(w.open(3)), [CLOSE.crowded]);
  w.handle({ t: "closed", conn: 3 });
  assert.deepEqual(ended(w.open(4, "192.0.2.2")), []);
  assert.deepEqual(ended(w.open(5, "192.0.2.3")), [CLOSE.crowded]);
  w.handle({ t: "closed", conn: 5 });
  w.handle({ t: "closed", conn: 1 });
  assert.deepEqual(ended(w.open(6)), []);
});

Deno.test("GateCore gives 5 seconds for the proof", () => {
  const w = new World();
  w.open(1);
  w.now = w.core.nextDeadline();
  assert.equal(w.now, START + 5000);
  assert.deepEqual(w.handle({ t: "tick" }).map((a) => a.t === "end" && a.code), [CLOSE.timeout]);
});

Deno.test("GateCore asks idle sessions after 15 s and drops silent ones after 45 s", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.sent(1);
  w.sent(2);
  const pings = { 1: 0, 2: 0 };
  let end: GateAction | undefined;
  while (!end) {
    w.now = w.core.nextDeadline();
    end = w.handle({ t: "tick" }).find((a) => a.t === "end");
    for (const conn of [1, 2] as const) {
      for (const m of w.sent(conn) as { t: string; n: number }[]) {
        if (m.t === "ping" && ++pings[conn] && conn === 1) w.say(1, { t: "pong", n: m.n });
      }
    }
  }
  assert.deepEqual(end, { t: "end", conn: 2, code: CLOSE.silent, reason: "The node has gone silent", flush: false });
  assert.equal(w.now, START + 45_000);
  assert.deepEqual(pings, { 1: 3, 2: 2 });
});

Deno.test("GateCore ends a session when its record expires, unless a newer one has come", () => {
  const w = new World({ pingAfter: 1e9, silentAfter: 1e9 });
  w.join(1, 10);
  w.join(2, 11);
  assert.deepEqual(w.say(1, { t: "record", record: "n.n.n" }), [
    { t: "recheck", conn: 1, key: key(10), record: "n.n.n" },
  ]);
  w.handle({ t: "verified", conn: 1, member: { id: id(10), key: key(10), expires: EXPIRES + 60 } });
  w.handle({ t: "tick" }); // forgets the deadlines of the proofs
  w.now = w.core.nextDeadline();
  assert.equal(w.now, EXPIRES * 1000);
  const out = w.handle({ t: "tick" });
  assert.deepEqual(out.map((a) => a.t === "end" && [a.conn, a.code]), [[2, CLOSE.expired]]);
  w.now = w.core.nextDeadline();
  assert.equal(w.now, (EXPIRES + 60) * 1000);
});

Deno.test("GateCore keeps a session whose newer record was rejected", () => {
  const w = new World();
  w.join(1, 10);
  w.say(1, { t: "record", record: "n.n.n" });
  assert.deepEqual(w.handle({ t: "rejected", conn: 1, code: "bad_record", message: "no" }), []);
  assert.equal(w.core.counts().sessions, 1);
});

Deno.test("GateCore cuts the sessions of a revoked node at once", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  const cut = (event: GateEvent) => w.handle(event).filter((a) => a.t === "end").map((a) => [a.conn, a.code]);
  assert.deepEqual(cut({ t: "revoked", net: NET, key: key(10) }), [[1, CLOSE.cut]]);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  assert.equal(w.core.counts().sessions, 1);
});

Deno.test("GateCore says goodbye to every live session and to nobody else", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.open(3);
  for (const conn of [1, 2, 3]) w.sent(conn);
  w.handle({ t: "bye" });
  assert.deepEqual([1, 2, 3].map((conn) => w.sent(conn)), [[{ t: "bye" }], [{ t: "bye" }], []]);
  assert.equal(w.core.counts().sessions, 2, "they leave by themselves");
});

Deno.test("GateCore tells sessions of a longer ledger, and the host when a member knows a longer one", () => {
  const w = new World();
  w.join(1, 10);
  w.sent(1);
  w.handle({ t: "ledger", net: NET, head: head(4) });
  w.handle({ t: "ledger", net: NET, head: head(5) });
  assert.deepEqual(w.sent(1), [{ t: "head", head: head(5) }]);
  w.open(2);
  w.say(2, { t: "hello", net: NET, key: key(11), nonce: key(9) });
  w.say(2, { t: "auth", record: "r.r.r", proof: "p.p.p", head: head(7) });
  const out = w.handle({
    t: "verified",
    conn: 2,
    member: { id: id(11), key: key(11), expires: EXPIRES },
  });
  assert.deepEqual(out.filter((a) => a.t === "behind"), [{ t: "behind", net: NET, seq: 7 }]);
});

Deno.test("GateCore is full at its bound, but a node that is already there may come again", () => {
  const w = new World({ sessions: 1 });
  w.join(1, 10);
  w.join(2, 11);
  assert.equal((w.sent(2).at(-1) as { code: string }).code, "too_many");
  w.join(3, 10);
  assert.equal(w.core.counts().sessions, 1);
});

Deno.test("GateCore asks for TURN credentials for live members alone, and not more often than it should", () => {
  const w = new World();
  w.open(1);
  assert.deepEqual(
    w.handle({ t: "message", conn: 1, message: { t: "turn" } }).map(({ t }) => t).includes("turn"),
    false,
  );
  w.join(2, 22);
  let asked = 0;
  for (let i = 0; i < 1_000; i++) {
    asked += w.handle({ t: "message", conn: 2, message: { t: "turn" } }).filter(({ t }) => t === "turn").length;
  }
  assert.equal(asked, 10);
  w.core.nextControl(2);
  const credentials = (username: string) => ({ t: "turn" as const, username, password: "p", expires: 1 });
  for (const name of ["one", "two"]) w.handle({ t: "tell", conn: 2, message: credentials(name) });
  const got = [];
  for (let m = w.core.nextControl(2); m; m = w.core.nextControl(2)) if (m.t === "turn") got.push(m.username);
  assert.deepEqual(got, ["two"]);
});
