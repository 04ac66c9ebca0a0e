import assert from "node:assert/strict";
import { race } from "../../mesh/host/race.ts";
import { type Attempt, persistent } from "./attempts.ts";

const never: Attempt<string> = (signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));

/** Refuses so many times, and then gives `value`. */
function refusing(times: number, value = "an address"): { tries: number; attempt: Attempt<string> } {
  const one = {
    tries: 0,
    attempt: () => ++one.tries > times ? Promise.resolve(value) : Promise.reject(new Error(`no ${one.tries}`)),
  };
  return one;
}

const race2 = (...attempts: Attempt<string>[]) =>
  race(attempts, {
    dial: (attempt, { signal }) => attempt(signal),
    close: () => {},
    signal: new AbortController().signal,
  }).first;

Deno.test("persistent() has what is refused at first before a way that is silent has failed", async () => {
  const tls = refusing(2);
  assert.equal(await race2(never, persistent(tls.attempt, [1, 1, 1])), "an address");
  assert.equal(tls.tries, 3);
});

Deno.test("persistent() throws the last refusal, and tries no more when it is given up", async () => {
  const all = refusing(9);
  const signal = new AbortController().signal;
  await assert.rejects(persistent(all.attempt, [1, 1])(signal), /no 3/);
  const stop = new AbortController();
  const some = refusing(9);
  const trying = persistent(some.attempt, [60_000])(stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(trying, /no 1|enough/);
  assert.equal(some.tries, 1);
});
