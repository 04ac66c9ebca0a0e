import assert from "node:assert/strict";
import { DIAL_DELAY, familiesInTurn, Race, type RaceAction } from "./race.ts";

const [A, B, C] = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
const word = (action: RaceAction<string>) =>
  action.kind === "over" ? `over ${action.won?.way ?? null}` : `${action.kind} ${action.way}`;

/** A race that tells its actions in words, at times counted in delays. */
function race(...addresses: string[]) {
  const race = new Race(addresses);
  return {
    do: (kind: "open" | "whole" | "failed", way: string, at = 0) =>
      race.handle({ kind, way }, at * DIAL_DELAY).map(word),
    start: () => race.handle({ kind: "start" }, 0).map(word),
    tick: (at: number) => race.handle({ kind: "tick" }, at * DIAL_DELAY).map(word),
    due: () => race.nextDeadline() === null ? null : race.nextDeadline()! / DIAL_DELAY,
  };
}

/** In which order addresses are dialled when nothing ever answers. */
function order(...addresses: string[]): string[] {
  const r = race(...familiesInTurn(addresses));
  const all = r.start();
  for (let due = r.due(); due !== null; due = r.due()) all.push(...r.tick(due));
  return all;
}

Deno.test("Race dials the families in turn, beginning with the first, each address once and names last", () => {
  const six = (n: number) => `2001:db8::${n}`;
  const four = (n: number) => `192.0.2.${n}`;
  const dialled = (...all: string[]) => all.map((address) => `dial ${address}`);
  assert.deepEqual(
    order("gate.example", six(1), six(2), six(1), four(1), six(3)),
    dialled(six(1), four(1), six(2), six(3), "gate.example"),
  );
  assert.deepEqual(order(four(1), four(2), six(1), six(2)), dialled(four(1), six(1), four(2), six(2)));
  assert.deepEqual(order("gate.example"), dialled("gate.example"));
});

Deno.test("Race does not wait for an address that is silent: the next is dialled a moment later, and its session ends the race", () => {
  const r = race(A, B, C);
  assert.deepEqual(r.start(), [`dial ${A}`]);
  assert.equal(r.due(), 1);
  assert.deepEqual(r.tick(0.9), []);
  assert.deepEqual(r.tick(1), [`dial ${B}`]);
  assert.deepEqual(r.do("open", B, 1.2), [`turn ${B}`]);
  assert.equal(r.due(), null, "no further dial while the gate is asked for the session");
  assert.deepEqual(r.tick(9), []);
  assert.deepEqual(r.do("whole", B, 9), [`drop ${A}`, `over ${B}`]);
  for (const kind of ["open", "whole", "failed"] as const) assert.deepEqual(r.do(kind, A, 9), []);
  assert.equal(r.due(), null);
});

Deno.test("Race dials the next address at once when one fails", () => {
  const r = race(A, B, C);
  r.start();
  assert.deepEqual(r.do("failed", A, 0.1), [`dial ${B}`]);
  assert.equal(r.due(), 1.1);
  assert.deepEqual(r.do("failed", A, 0.1), [], "said again it is no news");
  assert.deepEqual(r.tick(1.1), [`dial ${C}`]);
  assert.deepEqual(r.do("failed", B, 1.2), []);
  assert.deepEqual(r.do("failed", C, 1.3), ["over null"]);
});

Deno.test("Race asks for one session at a time: a second line gets its turn only when the first has failed", () => {
  const r = race(A, B, C);
  r.start();
  r.tick(1);
  assert.deepEqual(r.do("open", B, 2), [`turn ${B}`]);
  assert.deepEqual(r.do("open", A, 2), []);
  assert.deepEqual(r.do("failed", B, 3), [`turn ${A}`]);
  assert.deepEqual(r.do("failed", A, 3), [`dial ${C}`]);
  assert.deepEqual(r.do("open", C, 3), [`turn ${C}`]);
  assert.deepEqual(r.do("whole", C, 3), [`over ${C}`]);
});

Deno.test("Race of no address is over at once", () => {
  assert.deepEqual(race().start(), ["over null"]);
});
