import assert from "node:assert/strict";
import type { Rung } from "../../mesh/wire/local.ts";
import { Moves } from "./moves.ts";

/** The moves of a peer whose machine is in line when the test says so. */
function moving() {
  const runs: PromiseWithResolvers<void>[] = [];
  const said: string[] = [];
  const use: { rung: Rung } = { rung: "direct" };
  const moves = new Moves({
    changed: () => {
      runs.push(Promise.withResolvers());
      return runs.at(-1)!.promise;
    },
    inUse: () => use.rung,
    tell: (rung, serial) => said.push(`${rung} ${serial}`),
    release: (rung) => said.push(`release ${rung}`),
  });
  const settle = async (i: number) => {
    runs[i]!.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    return said.splice(0);
  };
  return { moves, use, settle };
}

Deno.test("Moves tells of a move, and lets go what was left, only when the machine is in line, and a repetition only once", async () => {
  const { moves, settle } = moving();
  moves.changed();
  moves.tell("direct", 1);
  moves.tell("direct", 1);
  moves.release("quic");
  assert.deepEqual(await settle(0), ["direct 1", "release quic"]);
  moves.tell("direct", 1);
  assert.deepEqual(await settle(0), ["direct 1"], "said again when it is asked for again");
});

Deno.test("Moves says nothing of a move that another one has overtaken, and keeps what is in use again", async () => {
  const { moves, use, settle } = moving();
  moves.changed();
  moves.tell("direct", 1);
  moves.release("quic");
  use.rung = "quic";
  moves.changed();
  moves.tell("quic", 2);
  assert.deepEqual(await settle(0), []);
  assert.deepEqual(await settle(1), ["quic 2"]);
  use.rung = "lane";
  moves.tell("quic", 3);
  assert.deepEqual(await settle(1), []);
});
