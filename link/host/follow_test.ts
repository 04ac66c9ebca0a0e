import assert from "node:assert/strict";
import type { MeshClient } from "../../mesh/client/mod.ts";
import { network, NOW } from "../../mesh/trust/testdata/network.ts";
import type { SyncEvent } from "../../mesh/wire/api.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { follow, STREAM_WAITS } from "./follow.ts";
import { NetworkView } from "./network_view.ts";
import { Waits } from "./waits.ts";

Deno.test("follow() says when the coordinator refuses this node, and does not insist on its cursor then", async () => {
  const view = new NetworkView({ selfId: "self", ledger: await network(), now: () => NOW });
  const synced: SyncEvent = { type: "synced", head: view.ledger.head, snapshot: true };
  const stop = new AbortController();
  const cursors: (string | undefined)[] = [];
  const told: string[] = [];
  const answers = [
    null, // lost after the first event
    new GhostError("not_admitted", "This machine's record has expired"),
    new GhostError("unreachable", "Away"),
  ];
  const client: Pick<MeshClient, "sync"> = {
    async *sync({ cursor }) {
      cursors.push(cursor);
      const error = answers.shift();
      if (error === undefined) return stop.abort();
      if (error) throw error;
      yield { id: "7", event: synced };
    },
  };
  await follow({
    client: client as MeshClient,
    view,
    signal: stop.signal,
    waits: new Waits(STREAM_WAITS),
    random: () => 0,
    events: {
      entry: async (jws) => void await view.entry(jws),
      changed: () => {},
      mail: () => {},
      connected: (up) => told.push(up ? "up" : "down"),
      rejected: (_, why) => told.push(why),
      synced: () => told.push("synced"),
      refused: () => told.push("refused"),
    },
  });
  assert.deepEqual(cursors, [undefined, "7", undefined, undefined]);
  assert.deepEqual(told, ["up", "synced", "down", "refused"]);
});
