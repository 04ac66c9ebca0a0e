import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { Grace } from "./grace.ts";

/** A node whose policy allows an hour. */
function world(kept: number | null) {
  const w = { now: 10_000_000, kept, adrift: false, changes: 0 };
  const host = {
    state: {
      contact: () => Promise.resolve(w.kept),
      saveContact: (at: number) => {
        w.kept = at;
        return Promise.resolve();
      },
    },
    view: {
      grace: 3600,
      get adrift() {
        return w.adrift;
      },
      drift(adrift: boolean) {
        const change = adrift === w.adrift ? "none" as const : "nodes" as const;
        w.adrift = adrift;
        return change;
      },
    },
    log: createLog("link", { write: () => {} }),
    changed: () => w.changes++,
    now: () => w.now,
  };
  return { w, host };
}

Deno.test("Grace drops the peers when the coordinator was away too long, and takes them back with it", async () => {
  const { w, host } = world(null);
  const grace = await Grace.open(host);
  w.now += 3_600_000;
  grace.check();
  assert.equal(w.adrift, false);
  w.now += 1;
  grace.check();
  grace.check();
  assert.deepEqual([w.adrift, w.changes], [true, 1]);
  await grace.contact();
  assert.deepEqual([w.adrift, w.changes, w.kept], [false, 2, w.now]);
});

Deno.test("Grace counts across restarts, and a clock that steps back extends nothing beyond one grace", async () => {
  const { w, host } = world(10_000_000 - 3_600_001);
  (await Grace.open(host)).check();
  assert.equal(w.adrift, true);
  const ahead = world(10_000_000 * 5);
  const grace = await Grace.open(ahead.host);
  assert.equal(grace.ends, ahead.w.now + 3_600_000);
});
