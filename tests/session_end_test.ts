/** Why a session with a gate ended is told to its owner also when packets and pings were under way just then. */
import assert from "node:assert/strict";
import { GateWorld } from "../gate/host/testing_gate.ts";
import { TestClient, until } from "../gate/host/testing.ts";
import { GateClient } from "../link/host/gate_client.ts";
import { GATE_REPLACED } from "../mesh/wire/gate_session.ts";
import { dialOf, gateAt, noEvents, nothing } from "./node_session.ts";

Deno.test("a session that was replaced while it sent says that it was replaced, each time", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  for (let round = 0; round < 40; round++) {
    let reason: string | null = null;
    const client = await GateClient.connect(
      { ...dialOf(node), gate: gateAt(w.gate, []), host: "127.0.0.1", failed: nothing },
      { ...noEvents, closed: (why) => reason = why },
    );
    const busy = setInterval(() => {
      for (let i = 0; i < 20; i++) client.sendPacket(node.id, new Uint8Array(1_000));
      client.ping();
    }, 1);
    const newer = await TestClient.join(w.gate, node);
    assert.match(await until("the end", () => reason), new RegExp(GATE_REPLACED));
    clearInterval(busy);
    await newer.close();
  }
});
