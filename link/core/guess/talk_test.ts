import assert from "node:assert/strict";
import type { Hardness } from "../nat/kind.ts";
import {
  ASK_AGAIN,
  ASKS_ALIKE,
  GONE_AFTER,
  GUESS_AFTER,
  HELD_FOR,
  HOUR,
  MAX_AN_HOUR,
  MAX_ASKS,
  MAX_BROKEN_OFF,
  MAX_GUESSES,
  WHEN_BUSY,
} from "./limits.ts";
import { goesFirst, GuessTalk, type Say } from "./talk.ts";
import { after, ATTEMPT, opens } from "./testing_talk.ts";
import { Turns } from "./turns.ts";

/** How long a signal is under way, an attempt of ICE takes, and a guess that hits, in ms. */
const SIGNAL = 40;
const HIT = 2_500;

interface Peer {
  name: string;
  talk: GuessTalk;
  /** Its answers, one after the other; the last one stays. */
  says: (Say | null)[];
  attempts: number;
  began: number | null;
  done: number | null;
}

interface World {
  hardness?: Hardness;
  /** When a peer leaves its gate, by its name: a guess with it goes on and never hits. */
  leaves?: Record<string, number>;
  /** To whom somebody sends data. */
  wanted?: string;
}

/** A machine behind a hard NAT checks paths to all of these at once; what they say to its asks, null for nothing. */
function machine(
  peers: Record<string, Say | null | (Say | null)[]>,
  { hardness = "hard", leaves = {}, wanted }: World = {},
) {
  const turns = new Turns<Peer>({ first: ({ name }) => name === wanted });
  const all = Object.entries(peers).map(([name, says]): Peer => (
    { name, says: [says].flat(), talk: new GuessTalk(), attempts: 1, began: null, done: null }
  ));
  const asked: string[] = [];
  let due: { at: number; act(): void }[] = [];
  let opening: Peer | null = null;
  let now = 0;
  const absent = ({ name }: Peer) => now >= (leaves[name] ?? Infinity);
  const turn = (peer: Peer) => {
    if (!peer.talk.begins(now)) return;
    assert.equal(opening, null, "two guesses at once");
    opening = peer;
    peer.talk.count("opened", now);
    peer.began = now;
    due.push({ at: now + HIT, act: () => !absent(peer) && end(peer) });
  };
  const end = (peer: Peer) => {
    opening = null;
    peer.done = now;
    peer.talk.forget();
    leave(peer);
  };
  const leave = (peer: Peer) => {
    const next = turns.leave(peer);
    if (next) turn(next);
  };
  for (const peer of all) {
    peer.talk.seen(true, 0);
    peer.talk.checking(0);
  }
  for (; now < 60_000; now += 20) {
    const ready = due.filter(({ at }) => at <= now);
    due = due.filter(({ at }) => at > now);
    for (const { act } of ready) act();
    for (const peer of all) {
      if (peer.done !== null) continue;
      if (absent(peer)) peer.talk.seen(false, now);
      if (now > 0 && now % ATTEMPT === 0 && peer.began === null && !peer.talk.waits) {
        peer.talk.stopped({ failed: true });
        peer.talk.checking(now);
        peer.attempts++;
      }
      const asks = peer.talk.tick(now, { hardness, first: () => true });
      if (peer.talk.gone && opening === peer) end(peer);
      if (!peer.talk.inLine && opening !== peer) leave(peer);
      if (!asks) continue;
      asked.push(peer.name);
      const says = peer.says.length > 1 ? peer.says.shift()! : peer.says[0]!;
      if (says === null || absent(peer)) continue;
      const answer = () => peer.talk.answered(says, now) && turns.ask(peer) && turn(peer);
      due.push({ at: now + 2 * SIGNAL, act: answer });
    }
  }
  return { of: (name: string) => all.find((peer) => peer.name === name)!, asked };
}

Deno.test("GuessTalk: every peer that would probe is guessed for in its first attempt, whoever else is off or unwilling", () => {
  const { of } = machine({ off: null, hard: "hard", refuses: "off", one: "yes", two: "yes", three: "yes" });
  for (const name of ["one", "two", "three"]) assert.deepEqual([of(name).attempts, of(name).done !== null], [1, true]);
  for (const name of ["off", "hard", "refuses"]) assert.equal(of(name).began, null);
  assert.equal(of("hard").talk.refusal, "hard");
  assert.equal(of("refuses").talk.refusal, "off");
});

Deno.test("GuessTalk: the turn is not held for a peer that leaves while it is guessed for, or while it stands in line", () => {
  const early = GUESS_AFTER + 5 * SIGNAL;
  for (const leaves of [{ one: early, leaver: early }, { leaver: early + HIT + 5 * SIGNAL }]) {
    const { of } = machine({ one: "yes", leaver: "yes", two: "yes" }, { leaves });
    const [one, leaver, two] = [of("one"), of("leaver"), of("two")];
    assert.deepEqual([one.began !== null, leaver.began !== null], [true, !("one" in leaves)]);
    const most = leaves.leaver + GONE_AFTER + HELD_FOR;
    assert.ok(two.began !== null && two.began <= most, `began at ${two.began}, not by ${most}`);
    assert.deepEqual([two.attempts, two.done !== null], [1, true]);
  }
});

Deno.test("GuessTalk: of many peers the one that somebody sends data to is guessed for second at the latest", () => {
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`peer${n}`, "yes" as const]));
  const { of } = machine(many, { wanted: "peer11" });
  const before = Object.keys(many).filter((name) => of(name).began! < of("peer11").began!);
  assert.deepEqual(before, ["peer0"]);
});

Deno.test("GuessTalk asks once more where the turn comes later than the peer's yes: it may be busy by then, or silent", () => {
  const { of, asked } = machine({ one: "yes", busy: ["yes", "busy", "yes"], silent: ["yes", null], two: "yes" });
  const began = ["one", "busy", "silent", "two"].map((name) => of(name).began);
  const [one, busy, silent, two] = began;
  assert.equal(silent, null);
  assert.ok(one! < two! && two! < busy! && two! <= one! + HIT + HELD_FOR + 10 * SIGNAL, `${began}`);
  assert.deepEqual(asked.slice(0, 6), ["one", "busy", "silent", "two", "busy", "silent"]);
  assert.deepEqual(["one", "busy", "two"].filter((name) => of(name).done === null), []);
});

Deno.test("GuessTalk: a peer that is back in time was never gone, one that is back later is asked in the same attempt", () => {
  const hard = { hardness: "hard" as const, first: () => true };
  for (const [away, word] of [[GONE_AFTER - 1, false], [GONE_AFTER, false], [GONE_AFTER, true]] as const) {
    const talk = after(0);
    talk.seen(true, 0);
    talk.seen(false, 100);
    assert.equal(talk.tick(100 + away, hard), false);
    assert.equal(talk.gone, away === GONE_AFTER);
    if (word) talk.heard(100 + away); // by mail, or through another gate
    talk.seen(true, 100 + away + 1);
    const back = 100 + away + (word ? 0 : 1);
    assert.equal(talk.nextDeadline(), away === GONE_AFTER ? back + GUESS_AFTER : GUESS_AFTER);
  }
  const mailed = after(0);
  mailed.seen(false, 0); // it was never seen at a gate, and is there all the same
  assert.equal(mailed.tick(GUESS_AFTER, hard), true);
  mailed.seen(true, GUESS_AFTER);
  mailed.seen(false, GUESS_AFTER);
  mailed.heard(GUESS_AFTER);
  mailed.tick(GUESS_AFTER + GONE_AFTER, hard);
  assert.equal(mailed.gone, false);
});

Deno.test("GuessTalk asks a silent peer a few times in an attempt, and a peer behind such a NAT once", () => {
  const { asked } = machine({ off: null, hard: "hard" });
  const attempts = 60_000 / ATTEMPT;
  assert.equal(asked.filter((name) => name === "hard").length, attempts);
  assert.ok(asked.filter((name) => name === "off").length <= attempts * Math.ceil((ATTEMPT - GUESS_AFTER) / ASK_AGAIN));
});

Deno.test("GuessTalk asks nobody where this machine's NAT gives all destinations one port", () => {
  assert.deepEqual(machine({ one: "yes" }, { hardness: "easy" }).asked, []);
});

Deno.test("GuessTalk: who has been seen from one address only asks after an attempt in vain, and takes turns with the peer", () => {
  const unsure = { hardness: "unsure" as const, first: () => true };
  assert.equal(after(0).tick(GUESS_AFTER, unsure), false);
  assert.equal(after(1).tick(GUESS_AFTER, { ...unsure, first: () => false }), false);
  const opener = after(1);
  assert.equal(opener.tick(GUESS_AFTER, unsure), true);
  opener.count("opened", 0);
  const prober = after(1);
  prober.count("probed", 0);
  for (const first of [true, false]) {
    for (const [talk, asks] of [[opener, false], [prober, true]] as const) {
      talk.stopped({ failed: true });
      talk.checking(0);
      assert.equal(talk.tick(GUESS_AFTER, { ...unsure, first: () => first }), asks);
    }
  }
});

Deno.test("goesFirst() is one end of two: the one whose NAT changes ports, else by the fragment", () => {
  const end = (ufrag: string, ports: number[]) => ({
    ufrag,
    candidates: [
      { type: "host", address: "10.9.1.2", port: 51820 },
      ...ports.map((port) => ({ type: "srflx", address: "203.0.113.2", port })),
    ],
  });
  const cases = [
    [end("zzzz", [20_001]), end("aaaa", [51_820])],
    [end("zzzz", [51_820, 20_001]), end("aaaa", [])],
    [end("aaaa", [20_001]), end("zzzz", [20_002])],
    [end("aaaa", [51_820]), end("zzzz", [51_820])],
  ] as const;
  for (const [first, second] of cases) {
    assert.deepEqual([goesFirst(first, second), goesFirst(second, first)], [true, false]);
  }
});

Deno.test("GuessTalk waits until it is known what the NAT does", () => {
  const talk = after(0);
  assert.equal(talk.tick(GUESS_AFTER, { hardness: "unknown", first: () => true }), false);
  assert.equal(talk.nextDeadline(), GUESS_AFTER + WHEN_BUSY);
  assert.equal(talk.tick(GUESS_AFTER + WHEN_BUSY, { hardness: "hard", first: () => true }), true);
});

Deno.test("GuessTalk: a busy peer is asked again, also one that has become so, and only guesses that were made count", () => {
  const talk = after(0);
  const hard = { hardness: "hard" as const, first: () => true };
  assert.equal(talk.tick(GUESS_AFTER, hard), true);
  assert.equal(talk.answered("busy", GUESS_AFTER), false);
  assert.equal(talk.waits, true);
  assert.equal(talk.tick(GUESS_AFTER + WHEN_BUSY, hard), true);
  assert.equal(talk.answered("yes", GUESS_AFTER + WHEN_BUSY), true);
  assert.equal(talk.begins(GUESS_AFTER + WHEN_BUSY), true);
  for (let n = 0; n < MAX_BROKEN_OFF; n++) {
    talk.count("opened", 0);
    talk.interrupted("busy", 0);
  }
  assert.deepEqual([talk.left(0), talk.waits], [true, true]);
  for (let n = 0; n < MAX_GUESSES; n++) {
    assert.equal(talk.left(0), true);
    talk.count("opened", 0);
  }
  assert.equal(talk.left(0), false);
  assert.equal(talk.tick(1e9, hard), false);
  assert.equal(talk.waits, false);
  assert.equal(talk.reply(0, { enabled: true, hardness: "easy", free: true }), "off");
  talk.forget();
  assert.equal(talk.reply(0, { enabled: true, hardness: "easy", free: true }), "yes");
});

Deno.test("GuessTalk: a peer that breaks guesses off or lets pairs come and go gets no more of them", () => {
  const busy = new GuessTalk();
  const most = MAX_GUESSES + MAX_BROKEN_OFF;
  const breaksOff = { for: 3 * HOUR, then: (now: number) => busy.interrupted("busy", now) };
  assert.equal(opens(busy, breaksOff), most);
  busy.moved();
  assert.equal(opens(busy, breaksOff), most);
  for (const side of ["yes", "busy"] as const) {
    const loop = new GuessTalk();
    const then = (now: number) => {
      if (side === "busy") loop.interrupted("busy", now);
      loop.forget(); // a pair, which is lost again
      loop.checking(now);
    };
    assert.equal(opens(loop, { for: HOUR, then }), MAX_AN_HOUR, side);
    assert.equal(loop.reply(HOUR - 1, { enabled: true, hardness: "easy", free: true }), "off");
    assert.equal(loop.left(2 * HOUR), true);
    loop.moved();
    assert.equal(loop.left(HOUR - 1), true);
  }
});

Deno.test("GuessTalk probes for one peer as often in an hour as it opens", () => {
  const talk = new GuessTalk();
  for (let n = 0; n < MAX_AN_HOUR; n++) {
    assert.equal(talk.left(n), true);
    talk.count("probed", n);
    talk.forget();
  }
  assert.deepEqual([talk.left(HOUR - 1), talk.left(HOUR)], [false, true]);
});

Deno.test("GuessTalk asks a peer that is always busy, or was and fell silent, less and less often, and then waits no more", () => {
  for (const silent of [false, true]) {
    const talk = after(0);
    const asked: number[] = [];
    let now = 0;
    for (; now < HOUR; now += 500) {
      if (!talk.tick(now, { hardness: "hard", first: () => true })) continue;
      asked.push(now);
      if (!silent || asked.length === 1) talk.answered("busy", now);
      talk.stopped({ failed: true });
    }
    assert.deepEqual([asked.length, talk.waits, talk.nextDeadline()], [MAX_ASKS, false, null]);
    const waits = asked.slice(1).map((at, n) => at - asked[n]!);
    if (!silent) {
      assert.deepEqual([waits[0], waits.at(-1)], [WHEN_BUSY, WHEN_BUSY * Math.ceil((MAX_ASKS - 1) / ASKS_ALIKE)]);
    }
    talk.checking(now);
    assert.equal(talk.tick(now + GUESS_AFTER, { hardness: "hard", first: () => true }), true);
  }
});

Deno.test("GuessTalk: a busy peer is waited for when ICE fails, and a turn also when ICE begins anew", () => {
  const talk = after(0);
  talk.tick(GUESS_AFTER, { hardness: "hard", first: () => true });
  talk.answered("busy", GUESS_AFTER);
  talk.stopped({ failed: true });
  assert.deepEqual([talk.waits, talk.nextDeadline()], [true, GUESS_AFTER + WHEN_BUSY]);
  talk.tick(GUESS_AFTER + WHEN_BUSY, { hardness: "hard", first: () => true });
  talk.answered("yes", GUESS_AFTER + WHEN_BUSY);
  talk.stopped({ failed: false });
  talk.checking(0);
  assert.deepEqual([talk.waits, talk.nextDeadline()], [true, null]);
  const gone = after(0);
  gone.tick(GUESS_AFTER, { hardness: "hard", first: () => true });
  gone.answered("busy", GUESS_AFTER);
  gone.stopped({ failed: false });
  assert.deepEqual([gone.waits, gone.nextDeadline()], [false, null]);
});

Deno.test("GuessTalk answers what it would do; guess = false is off for everybody", () => {
  const reply = (o: Partial<Parameters<GuessTalk["reply"]>[1]>) =>
    new GuessTalk().reply(0, { enabled: true, hardness: "easy", free: true, ...o });
  assert.deepEqual(
    [{}, { hardness: "unsure" as const }, { hardness: "hard" as const }, { hardness: "unknown" as const }, {
      free: false,
    }].map(reply),
    ["yes", "yes", "hard", "busy", "busy"],
  );
  assert.equal(reply({ enabled: false, hardness: "hard", free: false }), "off");
});
