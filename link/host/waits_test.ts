import assert from "node:assert/strict";
import { Waits } from "./waits.ts";

const HOUR = 3_600_000;

Deno.test("Waits end when something is heard, or nobody wants them any more", async () => {
  const waits = new Waits({ first: HOUR, longest: HOUR });
  const stop = new AbortController();
  const first = waits.wait({ spread: 1 }, stop.signal);
  waits.hurry();
  await first;
  const second = waits.wait({ spread: 1 }, stop.signal);
  stop.abort();
  await second;
  await waits.wait({ spread: 1 }, stop.signal);
});

Deno.test("Waits grow until it works, or something is heard", async () => {
  const waits = new Waits({ first: 1, longest: HOUR });
  const { signal } = new AbortController();
  const asked: number[] = [];
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((done: () => void, ms: number) => {
    asked.push(ms);
    return real(done, 0);
  }) as typeof setTimeout;
  try {
    for (let n = 0; n < 3; n++) await waits.wait({ spread: 1 }, signal);
    waits.hurry();
    await waits.wait({ spread: 1 }, signal);
    waits.reset();
    await waits.wait({ spread: 2, atLeast: 50 }, signal);
  } finally {
    globalThis.setTimeout = real;
  }
  assert.deepEqual(asked, [1, 2, 4, 1, 100]);
});
