import assert from "node:assert/strict";

import { easySide, NAMED, told } from "./testing_guess.ts";

Deno.test("PeerGuess probes what the peer has named, a hundred a second", () => {
  const { guess, sent, second } = easySide();
  guess.signal(told({ row: { from: 4000, step: 1, count: 2 } }));
  second();
  assert.equal(sent.length, 100);
  assert.deepEqual(sent.slice(0, 2).map(({ port }) => port), [4000, 4001]);
  assert.deepEqual(new Set(sent.map(({ address }) => address)), new Set([NAMED.address]));
});

Deno.test("PeerGuess probes no address of others, for no other generation, not from a hard NAT, and not when it is off", () => {
  for (
    const [o, word, answer] of [
      [{}, told({ address: "192.0.2.99" }), []],
      [{}, told({ ufrag: "wxyz" }), ["busy"]],
      [{ hardness: "hard" as const }, told(), ["hard"]],
      [{ enabled: false }, told(), ["off"]],
    ] as const
  ) {
    const { guess, sent, second, answers } = easySide(o);
    guess.signal(word);
    second();
    assert.deepEqual([sent, answers], [[], answer], JSON.stringify([o, word]));
  }
});

Deno.test("PeerGuess probes for one peer at a time, ends at the cap, and guesses three times at most", () => {
  const { guess, sent, second } = easySide();
  for (let n = 0; n < 5; n++) {
    guess.signal(told());
    guess.signal(told());
    for (let s = 0; s < 20; s++) second();
  }
  assert.equal(sent.length, 3 * 1_800);
});

Deno.test("PeerGuess forgets what a generation before has named, and what was named before this machine moved", () => {
  const { guess } = easySide();
  const newer = { ...NAMED, address: "203.0.113.3" };
  guess.named([newer], { ufrag: "wxyz", offer: false }); // late, or too early: no offer has named that generation
  assert.deepEqual(guess.remotes, [NAMED]);
  guess.named([newer], { ufrag: "wxyz", offer: true });
  guess.named([NAMED], { ufrag: "abcd", offer: false });
  assert.deepEqual(guess.remotes, [newer]);
  guess.networkChanged();
  assert.deepEqual(guess.remotes, []);
});

Deno.test("PeerGuess probes no longer for a peer that has left its gate", () => {
  const { guess, sent, second } = easySide();
  guess.seen(true);
  guess.signal(told());
  second();
  guess.seen(false);
  for (let s = 0; s < 5; s++) second();
  assert.ok(sent.length < 400, `${sent.length} probes`);
});
