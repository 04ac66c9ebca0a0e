import assert from "node:assert/strict";
import { network, NOW } from "../../mesh/trust/testdata/network.ts";
import type { SyncEvent } from "../../mesh/wire/api.ts";
import { STREAM_WAITS } from "./follow.ts";
import { followMesh } from "./follow_mesh.ts";
import { NetworkView } from "./network_view.ts";
import type { Parts } from "./parts.ts";
import type { UpWait } from "./up_wait.ts";
import { Waits } from "./waits.ts";

Deno.test("followMesh() hands mail on with how long it lay in the mailbox; what is TURN's own goes nowhere else", async () => {
  const view = new NetworkView({ selfId: "self", ledger: await network(), now: () => NOW });
  const stop = new AbortController();
  const mail = (box: string, kept?: number): SyncEvent => ({
    type: "mail",
    from: "bob",
    box,
    ...(kept === undefined ? {} : { kept }),
  });
  const came: unknown[] = [];
  const parts = {
    mesh: {
      async *sync() {
        for (const event of [mail("1", 1_234), mail("turn", 5), mail("of before")]) yield { id: "", event };
        stop.abort();
      },
    },
    view,
    turn: { mailed: (_: string, box: string) => box === "turn" },
    signals: { receive: (...box: unknown[]) => came.push(box) },
  };
  await followMesh(parts as unknown as Parts, {
    signal: stop.signal,
    waits: new Waits(STREAM_WAITS),
    up: {} as UpWait,
    grace: null,
    changed: () => {},
    connected: () => {},
    rejected: (what, why) => assert.fail(`${what}: ${why}`),
  });
  assert.deepEqual(came, [["bob", "1", 1_234], ["bob", "of before", 0]]);
});
