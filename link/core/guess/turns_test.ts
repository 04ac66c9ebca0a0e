import assert from "node:assert/strict";
import { FRESH, GONE_AFTER, GUESS_AFTER, HELD_FOR, LEFT_ALONE, MAX_HELD_IN_VAIN, OPEN_FOR } from "./limits.ts";
import { GuessTalk } from "./talk.ts";
import { Turns } from "./turns.ts";

const HARD = { hardness: "hard" as const, first: () => true };
/** How long a signal and its answer are under way, and an attempt of ICE takes, in ms. */
const ROUND_TRIP = 100;
const ATTEMPT = 20_000;
const STEP = 20;

Deno.test("Turns gives the turn in the order of asking, and to none that has left", () => {
  const turns = new Turns<string>({ first: () => false });
  assert.deepEqual(["a", "b", "c", "d"].map((who) => turns.ask(who)), [true, false, false, false]);
  assert.equal(turns.seize("e"), false);
  assert.equal(turns.leave("b"), null);
  assert.deepEqual([turns.leave("a"), turns.leave("a"), turns.leave("c"), turns.leave("d")], ["c", null, "d", null]);
  assert.deepEqual([turns.free, turns.seize("e"), turns.free], [true, true, false]);
});

Deno.test("Turns lets those that come first pass the others every second time only, however often they come", () => {
  const turns = new Turns<string>({ first: (who) => who.startsWith("first") });
  let holder = "first0";
  for (const who of [holder, "a", "b", "first1", "first2"]) turns.ask(who);
  const order = [];
  for (let n = 0; n < 5; n++) {
    const next = turns.leave(holder)!;
    turns.ask(holder); // again, at the end of the line
    order.push(holder = next);
  }
  assert.deepEqual(order, ["first1", "a", "first2", "b", "first0"]);
});

interface Peer {
  member: boolean;
  talk: GuessTalk;
  asked: number;
  began: number | null;
  held: number;
}

/**
 * A machine behind a hard NAT and so many members that are wanted, say yes, do not say it again when their turn is held, and make a
 * new offer whenever they are not asked any more; `says` is what they say instead, at the last moment. A victim comes last.
 */
function besieged(members: number, { says, until }: { says: "busy" | null; until: number }) {
  const turns = new Turns<Peer>({ first: ({ member }) => member });
  const all = Array.from({ length: members + 1 }, (_, n): Peer => (
    { member: n < members, talk: new GuessTalk(), asked: 0, began: null, held: 0 }
  ));
  let due: { at: number; act(): void }[] = [];
  let opening = null as { peer: Peer; at: number } | null;
  let now = 0;
  const turn = (peer: Peer) => {
    if (!peer.talk.begins(now)) return void peer.held++;
    opening = { peer, at: now };
    peer.began ??= now;
    peer.talk.count("opened", now);
  };
  const leave = (peer: Peer) => {
    const next = turns.leave(peer);
    if (next) turn(next);
  };
  for (const { talk, member } of all) {
    talk.seen(true, 0);
    talk.checking(member ? 0 : 1_000);
  }
  for (; now < until; now += STEP) {
    const ready = due.filter(({ at }) => at <= now);
    due = due.filter(({ at }) => at > now);
    for (const { act } of ready) act();
    for (const peer of all) {
      const { talk, member } = peer;
      const asks = talk.tick(now, HARD);
      const idle = !talk.inLine && opening?.peer !== peer;
      if (idle) leave(peer);
      if (member && !asks && idle && talk.nextDeadline() === null) talk.checking(now);
      if (!member && now > 0 && now % ATTEMPT === 0 && idle && !talk.waits) {
        talk.stopped({ failed: true });
        talk.checking(now);
      }
      if (!asks) continue;
      const say = member && peer.asked++ % 2 === 1 ? says : "yes";
      if (say === null) continue;
      const at = now + (say === "yes" ? ROUND_TRIP : HELD_FOR - STEP);
      due.push({ at, act: () => talk.answered(say, now) && turns.ask(peer) && turn(peer) });
    }
    if (opening !== null && now - opening.at >= OPEN_FOR) {
      const { peer } = opening;
      opening = null;
      leave(peer);
    }
  }
  return { victim: all.at(-1)!, members: all.slice(0, -1) };
}

for (const says of [null, "busy"] as const) {
  Deno.test(`Members that are wanted, agree, and then say ${says ?? "nothing"} keep nobody from its guess, nor the turn`, () => {
    const until = 10 * LEFT_ALONE;
    const { victim, members } = besieged(8, { says, until });
    // The first of them is guessed for in earnest; then each of them has the turn twice at most.
    const most = GUESS_AFTER + OPEN_FOR + members.length * MAX_HELD_IN_VAIN * HELD_FOR;
    assert.ok(victim.began !== null && victim.began <= most, `began at ${victim.began}, not by ${most}`);
    for (const { held } of members) {
      assert.ok(held >= MAX_HELD_IN_VAIN && held <= MAX_HELD_IN_VAIN + 1 + until / LEFT_ALONE, `held ${held} times`);
    }
  });
}

/** The turn has come for a peer that said yes a while ago, and it has been asked once more. @returns when */
function held(talk: GuessTalk, from: number): number {
  talk.checking(from);
  const asked = talk.nextDeadline()!;
  assert.deepEqual([talk.tick(asked, HARD), talk.answered("yes", asked)], [true, true]);
  const at = asked + FRESH + 1;
  assert.deepEqual([talk.begins(at), talk.tick(at, HARD)], [false, true]);
  return at;
}

/** How long a new offer made at `now` waits for the first ask. */
function wait(talk: GuessTalk, now: number): number {
  talk.stopped({ failed: false });
  talk.checking(now);
  return talk.nextDeadline()! - now;
}

Deno.test("GuessTalk leaves a peer alone for a minute for which the turn was held in vain twice, whatever it offers", () => {
  const talk = new GuessTalk();
  const first = held(talk, 0) + HELD_FOR;
  assert.equal(talk.tick(first, HARD), true, "it is asked once more");
  talk.stopped({ failed: true });
  const second = held(talk, first) + HELD_FOR;
  assert.deepEqual([talk.tick(second, HARD), talk.waits, talk.nextDeadline()], [false, false, second + LEFT_ALONE]);
  assert.equal(talk.answered("yes", second), false);
  assert.equal(wait(talk, second + 1_000), LEFT_ALONE - 1_000);
  talk.forget(); // a pair that is lost again
  assert.equal(wait(talk, second + 2_000), LEFT_ALONE - 2_000);
  assert.equal(wait(talk, second - 3_600_000), GUESS_AFTER, "a clock that was set back");
  const third = held(talk, second + LEFT_ALONE) + HELD_FOR;
  talk.tick(third, HARD);
  assert.equal(wait(talk, third), LEFT_ALONE, "each further one counts");
  talk.moved();
  assert.equal(wait(talk, third), GUESS_AFTER);
  const elsewhere = held(talk, third) + HELD_FOR;
  assert.equal(talk.tick(elsewhere, HARD), true, "on another network it begins anew");
});

Deno.test("GuessTalk: a guess makes good for a turn held in vain, an answer in time is none, and going away is no way out", () => {
  const talk = new GuessTalk();
  talk.tick(held(talk, 0) + HELD_FOR, HARD);
  talk.stopped({ failed: true });
  const yes = held(talk, 10_000) + FRESH;
  assert.deepEqual([talk.answered("yes", yes), talk.begins(yes)], [true, true]);
  talk.count("opened", yes);
  assert.equal(talk.tick(held(talk, 15_000) + HELD_FOR, HARD), true);
  talk.stopped({ failed: true });
  const busy = held(talk, 30_000) + FRESH;
  assert.equal(talk.answered("busy", busy), false);
  assert.equal(wait(talk, busy), GUESS_AFTER);
  talk.seen(true, 60_000);
  const last = held(talk, 60_000);
  talk.seen(false, last - FRESH);
  const gone = last - FRESH + GONE_AFTER;
  assert.deepEqual([talk.tick(gone, HARD), talk.gone, talk.nextDeadline()], [false, true, null]);
  talk.seen(true, gone + 1_000);
  assert.equal(talk.nextDeadline(), gone + LEFT_ALONE);
});
