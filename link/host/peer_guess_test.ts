import assert from "node:assert/strict";
import { IceAgent } from "../core/ice/mod.ts";
import type { Hardness } from "../core/nat/kind.ts";
import { stunCrypto } from "./crypto.ts";
import { GuessDesk } from "./guess.ts";
import { PeerGuess } from "./peer_guess.ts";

const NAMED = { type: "srflx" as const, address: "203.0.113.2", port: 51820, priority: 1, foundation: "1" };
const PWD = "p".repeat(24);

/** The easy side, told of the peer's generation `abcd` and of one candidate; `sent` is where it has probed. */
function easySide(o: { enabled?: boolean; hardness?: Hardness } = {}) {
  const sent: { address: string; port: number }[] = [];
  const agent = new IceAgent({ role: "controlled", tieBreaker: 1n, crypto: stunCrypto });
  agent.handle({ kind: "remoteCredentials", ufrag: "abcd", pwd: PWD, reply: false }, 0);
  let now = 0;
  const guess = new PeerGuess({
    desk: new GuessDesk({
      enabled: () => o.enabled ?? true,
      hardness: () => o.hardness ?? "easy",
      server: () => null,
      seen: () => {},
    }),
    crypto: stunCrypto,
    agent,
    send: (to) => sent.push(to),
    datagram: () => {},
    signal: () => {},
    changed: () => Promise.resolve(),
    began: () => {},
    failed: () => {},
    note: () => {},
    rearm: () => {},
    now: () => now,
  });
  guess.named([NAMED], { ufrag: "abcd", offer: true });
  const second = () => {
    for (const end = now + 1000; now < end; now++) guess.tick();
  };
  return { guess, sent, second };
}

const told = (more = {}) => ({ t: "guess" as const, ufrag: "abcd", address: NAMED.address, row: null, ...more });

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
    const [o, word] of [
      [{}, told({ address: "192.0.2.99" })],
      [{}, told({ ufrag: "wxyz" })],
      [{ hardness: "hard" as const }, told()],
      [{ enabled: false }, told()],
    ] as const
  ) {
    const { guess, sent, second } = easySide(o);
    guess.signal(word);
    second();
    assert.deepEqual(sent, [], JSON.stringify([o, word]));
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
