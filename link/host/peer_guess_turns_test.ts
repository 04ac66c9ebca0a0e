import assert from "node:assert/strict";
import {
  GONE_AFTER,
  GUESS_AFTER,
  MAX_AN_HOUR,
  MAX_ASKS,
  MAX_BROKEN_OFF,
  MAX_GUESSES,
  OPEN_FOR,
  SOCKETS,
  WHEN_BUSY,
} from "../core/guess/limits.ts";

import { easySide, hardMachine, NAMED, NEAR, told } from "./testing_guess.ts";

Deno.test("PeerGuess opens for those that would probe, one after the other, and for nobody else", async () => {
  await using machine = hardMachine(["off", "hard", "one", "two"]);
  const { one, two, hard, off, said, pass, news } = machine;
  pass(GUESS_AFTER + 100);
  assert.deepEqual(said, ["off", "hard", "one", "two"].map((to) => ({ to, t: "guess-ask" })));
  said.length = 0;
  const first = news();
  hard.answer("hard");
  one.answer("yes");
  two.answer("yes");
  await first;
  assert.deepEqual(said, [{ to: "one", t: "guess" }]);
  assert.deepEqual([one.guess.text, two.guess.text, hard.guess.refusal], [
    `${SOCKETS} sockets open towards 127.0.0.1:9`,
    "its turn to guess ports is waited for",
    "hard",
  ]);
  // ICE fails meanwhile: not for those that have a guess before them.
  const failing = [off, hard, one, two].map(({ guess }) => guess.iceFailed());
  assert.deepEqual(failing, [true, true, false, false]);
  const second = news();
  one.guess.iceState("connected");
  await second;
  assert.deepEqual(said.at(-1), { to: "two", t: "guess" });
  pass(OPEN_FOR + 100);
  assert.deepEqual([one.failed, two.failed, two.guess.text], [[], ["two"], null]);
});

Deno.test("PeerGuess ends a guess for a peer that has left its gate, and asks the next one before it opens", async () => {
  await using machine = hardMachine(["one", "two"]);
  const { one, two, said, pass, news } = machine;
  for (const { guess } of [one, two]) guess.seen(true);
  pass(GUESS_AFTER + 100);
  const first = news();
  one.answer("yes");
  two.answer("yes");
  await first;
  assert.equal(one.guess.iceFailed(), false);
  said.length = 0;
  one.guess.seen(false);
  pass(GONE_AFTER + 100);
  assert.deepEqual([one.guess.text, one.failed, said], [null, ["one"], [{ to: "two", t: "guess-ask" }]]);
  const second = news();
  two.answer("yes");
  await second;
  assert.deepEqual(said.at(-1), { to: "two", t: "guess" });
});

Deno.test("PeerGuess ends a guess with a peer that begins anew, on either side", async () => {
  await using machine = hardMachine(["one", "two"]);
  const { one, two, said, pass, news } = machine;
  pass(GUESS_AFTER + 100);
  const first = news();
  one.answer("yes");
  two.answer("yes");
  await first;
  const second = news();
  one.guess.named([NEAR], { ufrag: "wxyz", offer: false });
  assert.ok(one.guess.text);
  one.guess.named([NEAR], { ufrag: "wxyz", offer: true });
  await second;
  assert.deepEqual([one.guess.text, said.at(-1)], [null, { to: "two", t: "guess" }]);
  const easy = easySide();
  easy.guess.signal(told());
  easy.second();
  easy.guess.named([NAMED], { ufrag: "wxyz", offer: true });
  easy.second();
  assert.equal(easy.sent.length, 100);
});

Deno.test("PeerGuess: a peer that somebody sends data to does not wait behind others", async () => {
  await using machine = hardMachine(["one", "two", "three"]);
  const { one, two, three, said, pass, news } = machine;
  pass(GUESS_AFTER + 100);
  const first = news();
  for (const { answer } of [one, two, three]) answer("yes");
  await first;
  machine.wanted = "three";
  const second = news();
  one.guess.iceState("connected");
  await second;
  assert.deepEqual(said.at(-1), { to: "three", t: "guess" });
});

Deno.test("PeerGuess gives its turn back where the peer has become busy, and asks it again", async () => {
  await using machine = hardMachine(["one", "two"]);
  const { one, two, said, pass, news } = machine;
  pass(GUESS_AFTER + 100);
  const first = news();
  one.answer("yes");
  two.answer("yes");
  await first;
  said.length = 0;
  const second = news();
  one.answer("busy");
  await second;
  assert.deepEqual(said, [{ to: "two", t: "guess" }]);
  pass(WHEN_BUSY + 100);
  assert.deepEqual(said.at(-1), { to: "one", t: "guess-ask" });
});

Deno.test("PeerGuess gives ordinary checks their time when the peer begins anew, and asks anew where a turn was of no use", async () => {
  await using machine = hardMachine(["one"]);
  const { one, said, pass, news } = machine;
  pass(GUESS_AFTER - 100);
  one.guess.named([], { ufrag: "wxyz", offer: true }); // no address yet
  pass(GUESS_AFTER - 100);
  one.guess.named([NAMED], { ufrag: "wxyz", offer: false });
  assert.deepEqual(said, []);
  pass(200);
  assert.deepEqual(said, [{ to: "one", t: "guess-ask" }]);
  machine.serverKnown = false;
  one.answer("yes");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([one.guess.text, said.length], [null, 1]);
  machine.serverKnown = true;
  pass(WHEN_BUSY + 100);
  const begun = news();
  one.answer("yes");
  await begun;
  assert.deepEqual(said.map(({ t }) => t), ["guess-ask", "guess-ask", "guess"]);
});

for (
  const [what, end, most] of [
    ["breaks guesses off and begins anew", "busy", MAX_GUESSES + MAX_BROKEN_OFF],
    ["begins anew while this end opens", null, MAX_GUESSES + MAX_BROKEN_OFF],
    ["lets pairs come and go", "connected", MAX_AN_HOUR],
  ] as const
) {
  Deno.test(`PeerGuess opens no more for a peer that ${what}`, async () => {
    await using machine = hardMachine(["one"]);
    const { one, said, pass, news } = machine;
    for (let round = 0; round < 2 * most; round++) {
      said.length = 0;
      pass(GUESS_AFTER + 100);
      if (said.length > 0) {
        const begun = news();
        one.answer("yes");
        await begun;
        assert.deepEqual(said.map(({ t }) => t), ["guess-ask", "guess"]);
      }
      assert.equal(said.length > 0, round < most, `round ${round}`);
      if (end === "busy") one.answer("busy");
      else if (end === "connected") {
        for (const state of ["connected", "checking"] as const) one.guess.iceState(state);
      }
      one.guess.named([NEAR], { ufrag: `offer${round}`, offer: true });
    }
    one.guess.networkChanged();
    one.guess.named([NEAR], { ufrag: "elsewhere", offer: true });
    pass(GUESS_AFTER + 100);
    assert.deepEqual(said, [{ to: "one", t: "guess-ask" }]);
  });
}

Deno.test("PeerGuess keeps ICE's failure back for a busy peer, not for one that is busy for ever or has fallen silent", async () => {
  for (const silent of [false, true]) {
    await using machine = hardMachine(["one"]);
    const { one, said, pass } = machine;
    pass(GUESS_AFTER + 100);
    one.answer("busy");
    one.guess.iceState("failed");
    assert.deepEqual([one.guess.iceFailed(), one.failed], [false, []]);
    for (let s = 0, asked = 1; s < 600; s++) {
      pass(1_000);
      if (!silent && said.length > asked) one.answer("busy");
      asked = said.length;
    }
    assert.deepEqual([said.length, one.failed, one.guess.text], [MAX_ASKS, ["one"], null]);
  }
});

Deno.test("PeerGuess keeps ICE's failure back no longer where a peer breaks the last guess off", async () => {
  await using machine = hardMachine(["one"]);
  const { one, said, pass, news } = machine;
  for (let round = 0; round < MAX_GUESSES + MAX_BROKEN_OFF; round++) {
    pass(GUESS_AFTER + 100);
    const begun = news();
    one.answer("yes");
    await begun;
    if (round === 0) {
      one.guess.iceState("failed");
      assert.equal(one.guess.iceFailed(), false);
    }
    one.answer("busy");
  }
  said.length = 0;
  pass(10_000);
  assert.deepEqual([said, one.failed], [[], ["one"]]);
});

Deno.test("PeerGuess holds the turn for a peer that is silent when it has come, and gives it to the next one then", async () => {
  await using machine = hardMachine(["one", "silent", "two"]);
  const { one, silent, two, said, pass, news } = machine;
  pass(GUESS_AFTER + 100);
  const first = news();
  for (const { answer } of [one, silent, two]) answer("yes");
  await first;
  pass(600);
  said.length = 0;
  one.guess.iceState("connected");
  pass(100);
  assert.deepEqual(said, [{ to: "silent", t: "guess-ask" }]);
  pass(1_700);
  assert.deepEqual(said.map(({ to, t }) => `${to} ${t}`), ["silent guess-ask", "silent guess-ask", "two guess-ask"]);
  const second = news();
  two.answer("yes");
  await second;
  assert.deepEqual(said.at(-1), { to: "two", t: "guess" });
});
