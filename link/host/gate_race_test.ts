import assert from "node:assert/strict";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { RaceHost } from "../../mesh/host/race.ts";
import { raceFor } from "./gate_race.ts";

const [A, B] = ["2001:db8::1", "192.0.2.1"];

/** What a dial does; it has to end with its signal. */
type Dial = RaceHost<string, string>["dial"];
const silent: Dial = (address, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error(`${address} dropped`))));
const session: Dial = async (address, { turn }) => {
  await turn();
  return address;
};
const failing: Dial = (address) => Promise.reject(new GhostError("unreachable", "No", { place: address }));

/** Races by these dials, and gives what happened in its order. */
function race(dials: Record<string, Dial>, { signal = new AbortController().signal } = {}) {
  const log: string[] = [];
  let open = 0;
  const winner = raceFor(Object.keys(dials), {
    signal,
    close: (it) => log.push(`close ${it}`),
    dial: async (address, o) => {
      log.push(`dial ${address}`);
      open++;
      try {
        return await dials[address]!(address, {
          ...o,
          turn: async () => {
            log.push(`open ${address}`);
            await o.turn();
            log.push(`turn ${address}`);
          },
        });
      } finally {
        open--;
      }
    },
  });
  return { log, winner, open: () => open };
}

Deno.test("raceFor() takes the second address where the first is silent, and nothing outlives the session", async () => {
  const { log, winner, open } = race({ [A]: silent, [B]: session });
  assert.equal(await winner, B);
  assert.deepEqual(log, [`dial ${A}`, `dial ${B}`, `open ${B}`, `turn ${B}`]);
  assert.equal(open(), 0);
});

Deno.test("raceFor() dials one address only where that answers", async () => {
  const { log, winner } = race({ [A]: session, [B]: session });
  assert.equal(await winner, A);
  assert.deepEqual(log, [`dial ${A}`, `open ${A}`, `turn ${A}`]);
});

Deno.test("raceFor() asks one gate for one session: the slower line is dropped without its turn", async () => {
  const [openA, openB] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slower: Dial = async (address, o) => {
    await openB.promise;
    const turn = o.turn();
    openA.resolve();
    return await Promise.race([turn.then(() => address), silent(address, o)]);
  };
  const faster: Dial = async (address, { turn }) => {
    const mine = turn();
    openB.resolve();
    await openA.promise;
    await mine;
    return address;
  };
  const { log, winner, open } = race({ [A]: slower, [B]: faster });
  assert.equal(await winner, B);
  assert.deepEqual(log.toSorted(), [`dial ${A}`, `dial ${B}`, `open ${A}`, `open ${B}`, `turn ${B}`].toSorted());
  assert.equal(open(), 0);
});

Deno.test("raceFor() says all that the dials said, once each", async () => {
  const { winner, log } = race({ [A]: failing, [B]: failing });
  await assert.rejects(winner, { code: "unreachable", message: `${A}: No; ${B}: No` });
  assert.deepEqual(log, [`dial ${A}`, `dial ${B}`]);
  const same: Dial = () => Promise.reject(new GhostError("token_expired", "Late", { place: "gate g" }));
  await assert.rejects(race({ [A]: same, [B]: same }).winner, { code: "token_expired", message: "Late" });
  await assert.rejects(race({}).winner, { code: "unreachable" });
});

Deno.test("raceFor() ends every dial when nobody wants the session any more, and closes one that came all the same", async () => {
  const abort = new AbortController();
  const stubborn: Dial = (address, { signal }) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(address));
      abort.abort();
    });
  const { winner, log, open } = race({ [A]: silent, [B]: stubborn }, abort);
  await assert.rejects(winner, { message: `${A} dropped` });
  assert.deepEqual(log, [`dial ${A}`, `dial ${B}`, `close ${B}`]);
  assert.equal(open(), 0);
  const late = race({ [A]: session }, abort);
  await assert.rejects(late.winner, { code: "unreachable" });
  assert.deepEqual(late.log, []);
});
