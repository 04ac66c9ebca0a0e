/** Who gets a session with a gate, and how it ends. */
import assert from "node:assert/strict";
import { CLOSE, type GateAction, type GateEvent } from "./event.ts";
import { EXPIRES, frame, head, id, key, NET, OTHER_NET, START, World } from "./testdata/world.ts";

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
    { t: "welcome", observed: "192.0.2.1:1000", lanes: false, head: head(3) },
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

for (const hours of [-24, 0.9]) {
  Deno.test(`GateCore times out whom it would, and nobody else, when the machine's clock is set by ${hours} hours`, () => {
    const w = new World();
    w.join(1, 10);
    w.open(2, "192.0.2.2");
    w.ahead = hours * 3_600_000;
    const ends: unknown[] = [];
    const tick = () => {
      for (const a of w.handle({ t: "tick" })) if (a.t === "end") ends.push([w.now - START, a.conn, a.code]);
    };
    tick();
    assert.deepEqual(ends, [], "nobody has been waited for");
    while (ends.length < 2) {
      w.now = w.core.nextDeadline();
      tick();
    }
    assert.deepEqual(ends, [[5_000, 2, CLOSE.timeout], [45_000, 1, CLOSE.silent]]);
  });
}

Deno.test("GateCore ends a session by what the machine's own clock says of its record, whichever way that is set", () => {
  const w = new World();
  w.join(1, 10);
  w.ahead = -24 * 3_600_000;
  w.now += 3_600_000;
  w.say(1, { t: "pong", n: 0 });
  assert.deepEqual(w.handle({ t: "tick" }).filter((a) => a.t === "end"), []);
  w.ahead = 0;
  const [end] = w.handle({ t: "tick" });
  assert.deepEqual(end?.t === "end" && [end.conn, end.code], [1, CLOSE.expired]);
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
