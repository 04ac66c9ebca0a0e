/** An IceAgent and what comes from others than its peer, or makes no sense. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../mesh/wire/encoding.ts";
import {
  decodeStun,
  encodeStun,
  ERROR_CODE,
  field,
  read,
  UNKNOWN_ATTRIBUTES,
  USE_CANDIDATE,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";
import { type IceAction, IceAgent, receiverOf } from "./mod.ts";
import {
  agent,
  answerTo,
  BASE,
  candidate,
  check,
  crypto,
  elapse,
  ELSEWHERE,
  from,
  introduced,
  PEER,
  type Send,
  sends,
} from "./testdata/peer.ts";

Deno.test("IceAgent answers a wrong password with 401, smaller than the question, and learns nothing from it", () => {
  const made = introduced();
  elapse(made, 60_000);
  const before = made.snapshot();
  const bytes = check(made, { pwd: "wrongwrongwrongwrongwrong", fields: [field(USE_CANDIDATE, true)] });
  const [answer, ...rest] = sends(made.handle(from(bytes, ELSEWHERE), 60_000)) as [Send];
  assert.deepEqual(rest, []);
  assert.equal(read(decodeStun(answer.bytes), ERROR_CODE)?.code, 401);
  assert.ok(answer.bytes.length < bytes.length);
  assert.deepEqual(made.snapshot(), before);
});

Deno.test("IceAgent is silent to those who do not know its ufrag, and to what is no check", () => {
  const made = introduced();
  elapse(made, 60_000);
  const good = check(made);
  const wrong = [
    check(made, { username: "nobody:PEER" }),
    check(made, { username: made.local.ufrag }),
    check(made, { username: `${made.local.ufrag}:other` }),
    encodeStun({ class: "request", transaction: crypto.random(12), fields: [] }),
    encodeStun({ class: "indication", transaction: crypto.random(12), fields: [] }),
    encodeStun({ class: "success", transaction: crypto.random(12), fields: [] }),
    encodeStun({ class: "request", method: 3, transaction: crypto.random(12), fields: [] }),
    good.slice(0, -1),
    good.map((byte, i) => i === 30 ? byte ^ 1 : byte),
    new Uint8Array(0),
  ];
  for (const bytes of wrong) assert.deepEqual(made.handle(from(bytes), 60_000), []);
  for (const address of ["127.0.0.1", "::1", "::ffff:203.0.113.5", "fe80::1", "224.0.0.1"]) {
    assert.deepEqual(made.handle(from(good, { address, port: 5 }), 60_000), []);
  }
});

Deno.test("IceAgent names what it does not understand with 420, and what is missing with 400", () => {
  const made = introduced();
  elapse(made, 60_000);
  const strange = check(made, { fields: [() => ({ type: 0x7777, value: new Uint8Array(0) })] });
  const [answer] = sends(made.handle(from(strange), 60_000)) as [Send];
  assert.equal(read(decodeStun(answer.bytes), ERROR_CODE)?.code, 420);
  assert.deepEqual(read(decodeStun(answer.bytes), UNKNOWN_ATTRIBUTES), [0x7777]);
  const bare = encodeStun({
    class: "request",
    transaction: crypto.random(12),
    fields: [field(USERNAME, `${made.local.ufrag}:PEER`)],
    integrity: { key: utf8(made.local.pwd), crypto },
  });
  const [second] = sends(made.handle(from(bare), 60_000)) as [Send];
  assert.equal(read(decodeStun(second.bytes), ERROR_CODE)?.code, 400);
});

Deno.test("IceAgent believes only answers from where it asked, signed by the peer", () => {
  const made = introduced("controlling");
  const [first] = sends(made.handle({ kind: "tick" }, 50)) as [Send];
  made.handle(from(answerTo(first), ELSEWHERE), 60);
  made.handle(from(answerTo(first, "otherotherotherotherother")), 60);
  const unsigned = encodeStun({
    class: "success",
    transaction: decodeStun(first.bytes).transaction,
    fields: [field(XOR_MAPPED_ADDRESS, first.from)],
  });
  made.handle(from(unsigned), 60);
  assert.equal(made.snapshot().pairs[0]?.state, "inProgress");
  made.handle(from(answerTo(first)), 70);
  assert.equal(made.snapshot().pairs[0]?.state, "succeeded");
});

Deno.test("IceAgent bounds candidates, learnt addresses and checks", () => {
  const made = agent();
  for (let n = 0; n < 100; n++) {
    const local = { address: `10.0.1.${n + 1}`, port: 51820 };
    made.handle({ kind: "localCandidate", type: "host", ...local, base: local }, 0);
    made.handle({ kind: "remoteCandidate", candidate: candidate({ address: `192.0.2.${n + 1}`, port: 9 }) }, 0);
  }
  assert.equal(made.candidates().length, 32);
  assert.equal(made.snapshot().pairs.length, 100);
  const actions = made.handle({ kind: "remoteCredentials", ...PEER, reply: false }, 0);
  actions.push(...elapse(made, 120_000));
  assert.ok(sends(actions).length <= 100 * 16);
  assert.equal(actions.filter((action) => action.kind === "failed").length, 1);
  assert.equal(made.nextDeadline(), null);

  const learning = introduced();
  let sent = 0;
  for (let n = 0; n < 1_000; n++) {
    const stranger = { address: "198.51.100.1", port: 1_000 + (n % 200) };
    sent += sends(learning.handle(from(check(learning), stranger), n * 10)).length;
  }
  sent += sends(elapse(learning, 120_000)).length;
  assert.ok(learning.snapshot().pairs.length <= 1 + 16);
  assert.ok(sent < 1_000 + 17 * 45, `${sent} packets`);
});

Deno.test("IceAgent refuses candidates that lead nowhere or that its owner forbids", () => {
  const made = new IceAgent({
    role: "controlling",
    tieBreaker: 1n,
    crypto,
    accept: (address) => !address.startsWith("100.64."),
  });
  for (const address of ["127.0.0.1", "169.254.0.1", "fe80::1", "::1", "100.64.0.1"]) {
    const base = { address, port: 51820 };
    assert.deepEqual(made.handle({ kind: "localCandidate", type: "host", ...base, base }, 0), []);
    made.handle({ kind: "remoteCandidate", candidate: candidate({ address, port: 5 }) }, 0);
  }
  made.handle({ kind: "localCandidate", type: "host", ...BASE, base: BASE }, 0);
  assert.equal(made.candidates().length, 1);
  assert.deepEqual(made.snapshot().pairs, []);
});

Deno.test("receiverOf() reads the name of the receiver, and none from what is malformed", () => {
  const named = (value: Uint8Array) =>
    receiverOf(decodeStun(encodeStun({
      class: "request",
      transaction: crypto.random(12),
      fields: [() => ({ type: USERNAME.type, value })],
    })));
  assert.equal(named(utf8("me:you")), "me");
  assert.equal(named(utf8("me")), null);
  assert.equal(named(Uint8Array.of(0xff, 0x3a)), null);
  assert.equal(named(new Uint8Array(509)), null);
  assert.equal(
    receiverOf(decodeStun(encodeStun({ class: "request", transaction: crypto.random(12), fields: [] }))),
    null,
  );
});

Deno.test("IceAgent takes whatever comes without an exception, and its deadlines move on", () => {
  const anyEvent = fc.oneof(
    fc.record({ what: fc.constant("noise" as const), bytes: fc.uint8Array({ maxLength: 120 }), flip: fc.nat(120) }),
    fc.record({ what: fc.constant("check" as const), flip: fc.nat(120), nominate: fc.boolean() }),
    fc.record({ what: fc.constant("answer" as const), flip: fc.nat(240) }),
    fc.record({ what: fc.constantFrom("restart" as const, "networkChanged" as const, "wait" as const) }),
  );
  fc.assert(fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.boolean(), (events, controlling) => {
    const made = introduced(controlling ? "controlling" : "controlled");
    let now = 10;
    let last: Send | undefined;
    const take = (actions: IceAction[]) => {
      last = sends(actions).at(-1) ?? last;
    };
    const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => i === at ? byte ^ 0x41 : byte);
    for (const event of events) {
      now += 7;
      if (event.what === "noise") take(made.handle(from(event.bytes), now));
      else if (event.what === "check") {
        const fields = event.nominate ? [field(USE_CANDIDATE, true)] : [];
        take(made.handle(from(flipped(check(made, { fields }), event.flip)), now));
      } else if (event.what === "answer") {
        if (last) take(made.handle(from(flipped(answerTo(last), event.flip)), now));
      } else if (event.what === "wait") {
        for (let n = 0; n < 50; n++) {
          const next = made.nextDeadline();
          if (next === null) break;
          now = Math.max(now, next);
          take(made.handle({ kind: "tick" }, now));
          assert.ok((made.nextDeadline() ?? Infinity) > now, "asks for the same moment again");
        }
      } else {
        take(made.handle({ kind: event.what }, now));
        made.handle({ kind: "remoteCredentials", ...PEER, ufrag: `PEER${now}`, reply: true }, now);
      }
    }
  }));
});

Deno.test("IceAgent offers an address that is gone no longer, and takes others in its place without end", () => {
  const made = agent();
  const mapped = (n: number) => ({ type: "srflx" as const, address: `198.51.100.${n}`, port: 51820 });
  made.handle({ kind: "localCandidate", type: "host", ...BASE, base: BASE }, 0);
  for (let n = 1; n <= 100; n++) {
    made.handle({ kind: "localCandidate", ...mapped(n), base: BASE }, n);
    made.handle({ kind: "restart" }, n);
    assert.deepEqual(made.candidates().filter(({ type }) => type === "srflx").map(({ address }) => address), [
      mapped(n).address,
    ]);
    made.handle({ kind: "localCandidateGone", ...mapped(n) }, n);
  }
});
