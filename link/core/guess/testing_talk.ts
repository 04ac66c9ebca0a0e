/** Talks about guessing, for tests. */
import assert from "node:assert/strict";
import { GuessTalk } from "./talk.ts";

/** How long an attempt of ICE takes, in ms. */
export const ATTEMPT = 10_000;

/** One end's talk after `failures` attempts in vain, when it may ask. */
export function after(failures: number): GuessTalk {
  const talk = new GuessTalk();
  for (let n = 0; n < failures; n++) {
    talk.checking(0);
    talk.stopped({ failed: true });
  }
  talk.checking(0);
  return talk;
}

/** How often this machine opens for a peer that says yes to every ask, in so many ms; `then` is what becomes of each guess. */
export function opens(talk: GuessTalk, o: { for: number; then(now: number): void }): number {
  let count = 0;
  talk.checking(0);
  for (let now = 0; now < o.for; now += 500) {
    if (!talk.tick(now, { hardness: "hard", first: () => true }) || !talk.answered("yes", now)) {
      if (now % ATTEMPT === 0 && !talk.waits) talk.checking(now); // a new offer, or the next attempt
      continue;
    }
    assert.equal(talk.begins(now), true);
    talk.count("opened", now);
    count++;
    o.then(now);
  }
  return count;
}
