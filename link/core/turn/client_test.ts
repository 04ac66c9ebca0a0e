import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeStun, encodeStun, field, LIFETIME, XOR_RELAYED_ADDRESS } from "../../../mesh/wire/stun/mod.ts";
import { ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, TurnClient, type TurnClientOptions } from "./client.ts";
import type { TurnAction, TurnEvent } from "./event.ts";
import { CREDENTIALS, FakeServer, MAPPED, RELAYED, turnCrypto } from "./testdata/server.ts";

const BOB = { address: "203.0.113.20", port: 61001 };
const CAROL = { address: "203.0.113.20", port: 61002 };
const bytes = (text: string) => new TextEncoder().encode(text);

/** A client and a server with nothing between them. */
class Pair {
  readonly server = new FakeServer();
  readonly client: TurnClient;
  readonly seen: TurnAction[] = [];
  now = 1_000_000;
  /** While true, what the client sends is lost. */
  cut = false;
  sent = 0;

  constructor(o: Partial<TurnClientOptions> = {}) {
    this.client = new TurnClient({ crypto: turnCrypto(), credentials: CREDENTIALS, stream: false, ...o });
  }

  event(event: TurnEvent): void {
    for (const action of this.client.handle(event, this.now)) {
      if (action.kind !== "send") {
        this.seen.push(action);
        continue;
      }
      this.sent++;
      const answer = this.cut ? null : this.server.take(action.bytes);
      if (answer) this.event({ kind: "message", bytes: answer });
    }
  }

  /** Lets time pass, with every timer at its moment. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      const next = this.client.nextDeadline() ?? Infinity;
      assert.ok(next > this.now || this.seen.at(-1)?.kind === "ended" || next === this.now, "time goes on");
      this.now = Math.min(Math.max(next, this.now + 1), end);
      this.event({ kind: "tick" });
    }
  }

  get methods(): number[] {
    return this.server.requests.map((r) => r.method);
  }

  get end(): TurnAction | undefined {
    return this.seen.find((a) => a.kind === "ended");
  }

  /** The allocation is there, Bob and Carol may be talked to. */
  ready(): this {
    this.event({ kind: "start" });
    this.event({ kind: "permit", peer: BOB });
    this.event({ kind: "permit", peer: CAROL });
    return this;
  }
}

Deno.test("TurnClient allocates with long-term credentials after the server's challenge", () => {
  const pair = new Pair();
  pair.event({ kind: "start" });
  assert.deepEqual(pair.methods, [ALLOCATE, ALLOCATE]);
  assert.deepEqual(pair.seen, [{ kind: "allocated", relayed: RELAYED, mapped: MAPPED }]);
});

Deno.test("TurnClient asks for a permission, then for a channel, and sends by what it has", () => {
  const pair = new Pair();
  pair.event({ kind: "start" });
  assert.equal(pair.client.wrap(BOB, bytes("early")), null);
  pair.server.refuse.set(CHANNEL_BIND, [400]); // Bob gets none
  pair.event({ kind: "permit", peer: BOB });
  pair.event({ kind: "permit", peer: CAROL });
  assert.deepEqual(pair.seen.slice(1), [{ kind: "permitted", peer: BOB }, { kind: "permitted", peer: CAROL }]);
  for (const to of [BOB, CAROL]) pair.server.take(pair.client.wrap(to, bytes("hello"))!);
  assert.deepEqual(pair.server.delivered.map(({ peer, how }) => `${peer} ${how}`), [
    "203.0.113.20:61001 send",
    "203.0.113.20:61002 channel",
  ]);
  assert.deepEqual(pair.server.delivered[0]!.data, bytes("hello"));
});

Deno.test("TurnClient hands over packets of permitted peers, by indication and by channel, and of nobody else", () => {
  const pair = new Pair();
  pair.event({ kind: "start" });
  pair.server.refuse.set(CHANNEL_BIND, [400]);
  pair.event({ kind: "permit", peer: BOB });
  pair.event({ kind: "permit", peer: CAROL });
  for (const from of [BOB, CAROL, { address: "203.0.113.99", port: 1 }]) {
    pair.event({ kind: "message", bytes: pair.server.fromPeer(from, bytes("x")) });
  }
  const data = pair.seen.filter((a) => a.kind === "data");
  assert.deepEqual(data, [{ kind: "data", peer: BOB, bytes: bytes("x") }, {
    kind: "data",
    peer: CAROL,
    bytes: bytes("x"),
  }]);
  pair.event({ kind: "forget", peer: CAROL });
  pair.event({ kind: "message", bytes: pair.server.fromPeer(CAROL, bytes("late")) });
  assert.equal(pair.seen.filter((a) => a.kind === "data").length, 2);
  assert.equal(pair.client.wrap(CAROL, bytes("late")), null);
});

Deno.test("TurnClient hears a peer that it has forgotten and permits again, whose channel the server has kept", () => {
  const pair = new Pair().ready();
  pair.event({ kind: "forget", peer: BOB });
  pair.event({ kind: "forget", peer: CAROL });
  for (const peer of [CAROL, BOB]) pair.event({ kind: "permit", peer });
  for (const from of [BOB, CAROL]) pair.event({ kind: "message", bytes: pair.server.fromPeer(from, bytes("x")) });
  assert.deepEqual(pair.seen.flatMap((a) => a.kind === "data" ? [a.peer] : []), [BOB, CAROL]);
  for (const to of [BOB, CAROL]) pair.server.take(pair.client.wrap(to, bytes("hello"))!);
  assert.deepEqual(pair.server.delivered.map(({ how }) => how), ["channel", "channel"]);
});

Deno.test("TurnClient keeps allocation, permissions and channels alive for an hour", () => {
  const pair = new Pair().ready();
  pair.pass(3_600_000);
  assert.equal(pair.end, undefined);
  const count = (method: number) => pair.methods.filter((m) => m === method).length;
  assert.ok(count(REFRESH) >= 3_600 / 20 - 2);
  assert.ok(count(CHANNEL_BIND) >= 2 * (3_600 / 240 - 1), "each binding is refreshed within the 300 s of a permission");
  assert.equal(count(CREATE_PERMISSION), 2);
});

Deno.test("TurnClient refreshes permissions by themselves where there is no channel", () => {
  const pair = new Pair();
  pair.server.refuse.set(CHANNEL_BIND, [403, 400]);
  pair.event({ kind: "start" });
  pair.event({ kind: "permit", peer: BOB }); // 403: no talking to Bob at all
  pair.event({ kind: "permit", peer: CAROL }); // 400: no channel
  pair.pass(600_000);
  assert.deepEqual(pair.seen.filter((a) => a.kind === "denied").map((a) => a.peer), [BOB]);
  assert.equal(pair.methods.filter((m) => m === CHANNEL_BIND).length, 2);
  assert.ok(pair.methods.filter((m) => m === CREATE_PERMISSION).length >= 5);
  assert.ok(pair.client.wrap(CAROL, bytes("x")));
});

Deno.test("TurnClient takes a new nonce when its own is stale, and does so three times in a row at most", () => {
  const pair = new Pair().ready();
  pair.server.nonce = "nonce-2";
  pair.pass(30_000);
  assert.equal(pair.end, undefined);
  const restless = new Pair();
  const take = restless.server.take.bind(restless.server);
  let n = 0;
  restless.server.take = (b) => {
    restless.server.nonce = `other-${n++}`;
    return take(b);
  };
  restless.event({ kind: "start" });
  assert.equal(restless.end?.kind === "ended" && restless.end.text, "The TURN server says 438 (No)");
  assert.ok(restless.sent <= 5);
});

Deno.test("TurnClient ends with the meaning of what the server refuses", () => {
  const cases: [number, string][] = [
    [437, "mismatch"],
    [441, "unauthorized"],
    [486, "full"],
    [508, "full"],
    [
      300,
      "alternate",
    ],
    [403, "refused"],
    [442, "refused"],
    [500, "refused"],
  ];
  for (const [code, why] of cases) {
    const pair = new Pair();
    pair.server.refuse.set(ALLOCATE, [code]);
    pair.event({ kind: "start" });
    assert.equal(pair.end?.kind === "ended" && pair.end.why, why, String(code));
    assert.equal(pair.client.nextDeadline(), null);
  }
  const wrong = new Pair({ credentials: { ...CREDENTIALS, password: "guess" } });
  wrong.event({ kind: "start" });
  assert.equal(wrong.end?.kind === "ended" && wrong.end.why, "unauthorized");
  assert.deepEqual(wrong.methods, [ALLOCATE, ALLOCATE]);
});

Deno.test("TurnClient tells within a keepalive that the server has forgotten it", () => {
  const pair = new Pair().ready();
  pair.server.allocated = false;
  pair.server.nonce = "after-restart";
  pair.pass(20_000);
  assert.equal(pair.end?.kind === "ended" && pair.end.why, "lost");
});

Deno.test("TurnClient repeats what is lost over UDP, and gives up", () => {
  const pair = new Pair();
  pair.cut = true;
  pair.event({ kind: "start" });
  pair.pass(400);
  assert.equal(pair.sent, 2);
  pair.pass(60_000);
  assert.equal(pair.sent, 7);
  assert.equal(pair.end?.kind === "ended" && pair.end.why, "timeout");
  const stream = new Pair({ stream: true });
  stream.cut = true;
  stream.event({ kind: "start" });
  stream.pass(60_000);
  assert.equal(stream.sent, 1);
  assert.equal(stream.end?.kind === "ended" && stream.end.why, "timeout");
});

Deno.test("TurnClient gives its allocation back when it is stopped", () => {
  const pair = new Pair().ready();
  pair.event({ kind: "stop" });
  assert.equal(pair.server.requests.at(-1)!.lifetime, 0);
  assert.equal(pair.server.allocated, false);
  assert.equal(pair.end?.kind === "ended" && pair.end.why, "stopped");
});

Deno.test("TurnClient does not believe a success that is not signed by its key", () => {
  const pair = new Pair();
  const forged: Uint8Array[] = [];
  const take = pair.server.take.bind(pair.server);
  pair.server.take = (b) => {
    const message = decodeStun(b);
    const { transaction, method } = message;
    const fields = [field(XOR_RELAYED_ADDRESS, { address: "198.51.100.66", port: 666 }), field(LIFETIME, 600)];
    if (pair.methods.length === 1) {
      forged.push(encodeStun({ class: "success", method, transaction, fields, fingerprint: true }));
      forged.push(pair.server.success(message, fields, bytes("another key")));
      for (const f of forged) pair.event({ kind: "message", bytes: f });
    }
    return take(b);
  };
  pair.event({ kind: "start" });
  assert.equal(forged.length, 2);
  assert.deepEqual(pair.seen, [{ kind: "allocated", relayed: RELAYED, mapped: MAPPED }]);
});

Deno.test("TurnClient ends on an allocation that cannot be used", () => {
  for (const lifetime of [0, undefined]) {
    const pair = new Pair();
    const take = pair.server.take.bind(pair.server);
    pair.server.take = (b) => {
      const fields = [
        field(XOR_RELAYED_ADDRESS, RELAYED),
        ...(lifetime === undefined ? [] : [field(LIFETIME, lifetime)]),
      ];
      return pair.methods.length === 1 ? pair.server.success(decodeStun(b), fields) : take(b);
    };
    pair.event({ kind: "start" });
    assert.equal(pair.end?.kind === "ended" && pair.end.why, "refused");
  }
});

Deno.test("TurnClient survives anything that a server sends", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // STUN in form: any class and method, any attributes.
    fc.tuple(
      fc.nat(0x3fff),
      fc.array(fc.tuple(fc.nat(0xffff), fc.uint8Array({ maxLength: 40 })), { maxLength: 6 }),
      fc.boolean(),
    )
      .map(([type, attributes, known]) => ({ type, attributes, known })),
  );
  fc.assert(fc.property(fc.array(noise, { maxLength: 30 }), fc.integer(), (all, seed) => {
    const client = new TurnClient({ crypto: turnCrypto(seed), credentials: CREDENTIALS, stream: false });
    let last = new Uint8Array(12);
    let now = 0;
    const take = (event: TurnEvent) => {
      for (const a of client.handle(event, now)) if (a.kind === "send") last = a.bytes.slice(8, 20);
    };
    take({ kind: "start" });
    take({ kind: "permit", peer: BOB });
    for (const item of all) {
      const message = item instanceof Uint8Array ? item : craft(item, last);
      take({ kind: "message", bytes: message });
      now += 500;
      take({ kind: "tick" });
      const next = client.nextDeadline();
      assert.ok(next === null || next >= now - 1, "no deadline is left behind");
      client.wrap(BOB, new Uint8Array(10));
    }
  }));
});

function craft(
  o: { type: number; attributes: [number, Uint8Array][]; known: boolean },
  transaction: Uint8Array,
): Uint8Array {
  const body = encodeStun({
    class: "request",
    transaction: o.known ? transaction : new Uint8Array(12),
    fields: o.attributes.map(([type, value]) => () => ({ type, value })),
  });
  body[0] = o.type >> 8;
  body[1] = o.type & 0xff;
  return body;
}

Deno.test("TurnClient denies an address that is none, and goes on", () => {
  const pair = new Pair();
  pair.event({ kind: "start" });
  const peers = ["::ffff:203.0.113.20", "1.2.3", ""].map((address) => ({ address, port: 61_001 }));
  for (const peer of peers) pair.event({ kind: "permit", peer });
  pair.event({ kind: "permit", peer: { ...BOB, port: 0 } });
  const denied = pair.seen.flatMap((a) => a.kind === "denied" ? [a.peer] : []);
  assert.deepEqual(denied, [...peers, { ...BOB, port: 0 }]);
  pair.event({ kind: "permit", peer: BOB });
  assert.deepEqual(pair.seen.at(-1), { kind: "permitted", peer: BOB });
});
