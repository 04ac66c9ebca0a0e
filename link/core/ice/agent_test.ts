import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../mesh/wire/encoding.ts";
import type { WireCandidate } from "../../../mesh/wire/signal.ts";
import {
  decodeStun,
  encodeStun,
  ERROR_CODE,
  type Field,
  field,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  NOMINATION,
  PRIORITY,
  read,
  UNKNOWN_ATTRIBUTES,
  USE_CANDIDATE,
  USERNAME,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
} from "../stun/mod.ts";
import { seeded, testCrypto } from "../stun/testdata/crypto.ts";
import { type IceAction, IceAgent, receiverOf } from "./mod.ts";

const crypto = testCrypto(seeded(11));
const BASE = { address: "10.0.0.2", port: 51820 };
const THERE = { address: "203.0.113.5", port: 40000 };
const ELSEWHERE = { address: "203.0.113.6", port: 40000 };
/** The credentials of the peer that the tests play themselves. */
const PEER = { ufrag: "PEER", pwd: "peerpeerpeerpeerpeerpeer" };

type Send = Extract<IceAction, { kind: "send" }>;

function agent(role: "controlling" | "controlled" = "controlled"): IceAgent {
  const made = new IceAgent({ role, tieBreaker: 1000n, crypto });
  made.handle({ kind: "localCandidate", type: "host", ...BASE, base: BASE }, 0);
  return made;
}

function candidate(at: { address: string; port: number }, type: WireCandidate["type"] = "host"): WireCandidate {
  return { type, ...at, priority: 2_000_000_000, foundation: "1" };
}

/** Knows the peer's credentials and one address of it. */
function introduced(role: "controlling" | "controlled" = "controlled"): IceAgent {
  const made = agent(role);
  made.handle({ kind: "remoteCredentials", ...PEER, reply: false }, 0);
  made.handle({ kind: "remoteCandidate", candidate: candidate(THERE) }, 0);
  return made;
}

function check(to: IceAgent, o: { fields?: Field[]; pwd?: string; username?: string; tie?: bigint } = {}): Uint8Array {
  return encodeStun({
    class: "request",
    transaction: crypto.random(12),
    fields: [
      field(USERNAME, o.username ?? `${to.local.ufrag}:${PEER.ufrag}`),
      field(PRIORITY, 1_000_000),
      field(ICE_CONTROLLING, o.tie ?? 5n),
      ...(o.fields ?? []),
    ],
    integrity: { key: utf8(o.pwd ?? to.local.pwd), crypto },
    fingerprint: true,
  });
}

function sends(actions: IceAction[]): Send[] {
  return actions.filter((action) => action.kind === "send");
}

/** The answer of a peer that knows its password to one of the agent's checks. */
function answerTo(send: Send, pwd = PEER.pwd): Uint8Array {
  const { transaction } = decodeStun(send.bytes);
  return encodeStun({
    class: "success",
    transaction,
    fields: [field(XOR_MAPPED_ADDRESS, send.from)],
    integrity: { key: utf8(pwd), crypto },
    fingerprint: true,
  });
}

/** Runs from deadline to deadline. */
function elapse(made: IceAgent, until: number): IceAction[] {
  const actions: IceAction[] = [];
  for (let at = made.nextDeadline(); at !== null && at <= until; at = made.nextDeadline()) {
    actions.push(...made.handle({ kind: "tick" }, at));
  }
  return actions;
}

const from = (bytes: Uint8Array, at = THERE) => ({ kind: "datagram" as const, from: at, to: BASE, bytes });

Deno.test("IceAgent sends checks with all that RFC 8445 asks for", () => {
  const made = agent("controlling");
  made.handle({ kind: "remoteCandidate", candidate: candidate(THERE) }, 0);
  const [first] = sends(made.handle({ kind: "remoteCredentials", ...PEER, reply: true }, 0)) as [Send];
  assert.deepEqual([first.from, first.to], [BASE, THERE]);
  const message = decodeStun(first.bytes);
  assert.equal(read(message, USERNAME), `PEER:${made.local.ufrag}`);
  assert.equal(read(message, PRIORITY)! >>> 24, 110);
  assert.equal(read(message, ICE_CONTROLLING), 1000n);
  assert.equal(read(message, ICE_CONTROLLED), undefined);
  assert.equal(read(message, USE_CANDIDATE), undefined);
  assert.equal(verifyIntegrity(message, { key: utf8(PEER.pwd), crypto }), "sha1");
  assert.equal(message.attributes.at(-1)?.type, 0x8028);
});

Deno.test("IceAgent answers an authentic check with the address that it came from, and checks back", () => {
  const made = introduced();
  const actions = sends(made.handle(from(check(made), ELSEWHERE), 100));
  const [answer, triggered] = actions as [Send, Send];
  const message = decodeStun(answer.bytes);
  assert.deepEqual(answer.to, ELSEWHERE);
  assert.equal(message.class, "success");
  assert.deepEqual(read(message, XOR_MAPPED_ADDRESS), ELSEWHERE);
  assert.equal(verifyIntegrity(message, { key: utf8(made.local.pwd), crypto }), "sha1");
  assert.deepEqual(triggered.to, ELSEWHERE);
  assert.equal(made.snapshot().pairs.at(-1)?.type, "prflx");
});

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

Deno.test("IceAgent controlling nominates its only pair at once and selects it when that is answered", () => {
  const made = introduced("controlling");
  const [first] = sends(made.handle({ kind: "tick" }, 50)) as [Send];
  const [nomination] = sends(made.handle(from(answerTo(first)), 60)) as [Send];
  assert.equal(read(decodeStun(nomination.bytes), USE_CANDIDATE), true);
  assert.equal(read(decodeStun(nomination.bytes), NOMINATION), 1);
  const actions = made.handle(from(answerTo(nomination)), 75);
  assert.deepEqual(actions, [
    { kind: "selected", pair: { local: { ...BASE, base: BASE }, remote: THERE }, rttMs: 11.25 },
    { kind: "state", state: "connected" },
  ]);
});

Deno.test("IceAgent controlled follows the newest nomination, not a late older one", () => {
  const made = introduced();
  made.handle({ kind: "remoteCandidate", candidate: candidate(ELSEWHERE) }, 0);
  for (const send of sends(elapse(made, 200))) made.handle(from(answerTo(send), send.to), 200);
  const nominate = (counter: number, at: typeof THERE) =>
    made.handle(from(check(made, { fields: [field(USE_CANDIDATE, true), field(NOMINATION, counter)] }), at), 210);
  const chosen = (actions: IceAction[]) => actions.find((action) => action.kind === "selected")?.pair.remote;
  assert.deepEqual(chosen(nominate(1, THERE)), THERE);
  assert.deepEqual(chosen(nominate(2, ELSEWHERE)), ELSEWHERE);
  assert.equal(chosen(nominate(1, THERE)), undefined);
  assert.deepEqual(made.snapshot().selected?.remote, ELSEWHERE);
});

Deno.test("IceAgent controlled selects a nominated pair only after a check of its own has succeeded", () => {
  const made = introduced();
  const first = made.handle(from(check(made, { fields: [field(USE_CANDIDATE, true)] })), 100);
  assert.equal(first.some((action) => action.kind === "selected"), false);
  const triggered = sends(first).at(-1)!;
  assert.ok(made.handle(from(answerTo(triggered)), 120).some((action) => action.kind === "selected"));
});

Deno.test("IceAgent keeps its role with the larger tie-breaker (487) and yields to a larger one", () => {
  const stays = introduced("controlling");
  const [refusal] = sends(stays.handle(from(check(stays, { tie: 999n })), 100)) as [Send];
  assert.equal(read(decodeStun(refusal.bytes), ERROR_CODE)?.code, 487);
  assert.equal(stays.snapshot().role, "controlling");
  const yields = introduced("controlling");
  const [answer] = sends(yields.handle(from(check(yields, { tie: 1001n })), 100)) as [Send];
  assert.equal(decodeStun(answer.bytes).class, "success");
  assert.equal(yields.snapshot().role, "controlled");
});

Deno.test("IceAgent remembers checks that came before the peer's credentials", () => {
  const made = agent();
  const early = sends(made.handle(from(check(made, { fields: [field(USE_CANDIDATE, true)] }), ELSEWHERE), 0));
  assert.equal(early.length, 1);
  assert.equal(decodeStun(early[0]!.bytes).class, "success");
  const [back] = sends(made.handle({ kind: "remoteCredentials", ...PEER, reply: false }, 10)) as [Send];
  assert.deepEqual(back.to, ELSEWHERE);
  assert.ok(made.handle(from(answerTo(back), ELSEWHERE), 30).some((action) => action.kind === "selected"));
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

Deno.test("IceAgent without any local candidate fails at once", () => {
  const made = new IceAgent({ role: "controlling", tieBreaker: 1n, crypto });
  assert.deepEqual(made.handle({ kind: "localCandidatesDone" }, 0), [{ kind: "failed" }, {
    kind: "state",
    state: "failed",
  }]);
});

Deno.test("IceAgent owns requests that name it and answers to its checks", () => {
  const made = introduced();
  const [first] = sends(made.handle({ kind: "tick" }, 50)) as [Send];
  const { transaction } = decodeStun(first.bytes);
  assert.equal(made.owns({ receiver: null, transaction }), true);
  assert.equal(made.owns({ receiver: null, transaction: crypto.random(12) }), false);
  assert.equal(made.owns({ receiver: made.local.ufrag, transaction: crypto.random(12) }), true);
  assert.equal(made.owns({ receiver: "nobody", transaction }), false);
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

Deno.test("IceAgent keeps its credentials when the peer's answer changes, and makes new ones when the peer starts over", () => {
  const made = introduced();
  const { ufrag } = made.local;
  made.handle({ kind: "remoteCredentials", ...PEER, reply: false }, 10);
  assert.equal(made.local.ufrag, ufrag);
  made.handle({ kind: "remoteCredentials", ...PEER, ufrag: "LATE", reply: true }, 20);
  assert.equal(made.local.ufrag, ufrag);
  made.handle({ kind: "remoteCredentials", ...PEER, ufrag: "FRESH", reply: false }, 30);
  assert.notEqual(made.local.ufrag, ufrag);
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
