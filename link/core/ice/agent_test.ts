import assert from "node:assert/strict";
import { utf8 } from "../../../mesh/wire/encoding.ts";
import {
  decodeStun,
  ERROR_CODE,
  field,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  NOMINATION,
  PRIORITY,
  read,
  USE_CANDIDATE,
  USERNAME,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";
import { type IceAction, IceAgent } from "./mod.ts";
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
  THERE,
} from "./testdata/peer.ts";

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

Deno.test("IceAgent.rttMs follows the answers to consent checks, without a check more", () => {
  const made = introduced("controlling");
  const [first] = sends(made.handle({ kind: "tick" }, 50)) as [Send];
  const [nomination] = sends(made.handle(from(answerTo(first)), 188)) as [Send];
  assert.equal(made.rttMs, null);
  made.handle(from(answerTo(nomination)), 326);
  assert.equal(made.rttMs, 138);
  const at = made.nextDeadline()!;
  const checks = sends(made.handle({ kind: "tick" }, at)) as [Send];
  assert.equal(checks.length, 1);
  made.handle(from(answerTo(checks[0])), at + 1);
  assert.equal(made.rttMs, 1);
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

Deno.test("IceAgent without any local candidate fails at once", () => {
  const made = new IceAgent({ role: "controlling", tieBreaker: 1n, crypto });
  assert.deepEqual(made.handle({ kind: "localCandidatesDone" }, 0), [{ kind: "failed" }, {
    kind: "state",
    state: "failed",
  }]);
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
