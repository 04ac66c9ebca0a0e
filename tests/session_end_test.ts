/** Why a session with a gate ended is told to its owner also when packets and pings were under way just then. */
import assert from "node:assert/strict";
import { GateWorld } from "../gate/host/testing_gate.ts";
import { random, TestClient, until } from "../gate/host/testing.ts";
import { GateClient, type GateEvents } from "../link/host/gate_client.ts";
import type { VerifiedGate } from "../mesh/trust/record.ts";
import { GATE_REPLACED } from "../mesh/wire/gate_session.ts";

Deno.test("a session that was replaced while it sent says that it was replaced, each time", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  const record = { name: "g", hosts: ["127.0.0.1"], quic: w.gate.port, cert: w.gate.cert };
  const gate = { id: "g".repeat(32), key: w.gate.key, record } as unknown as VerifiedGate;
  const nothing = () => {};
  for (let round = 0; round < 40; round++) {
    let reason: string | null = null;
    const events: GateEvents = {
      signal: nothing,
      presence: nothing,
      packet: nothing,
      head: nothing,
      about: nothing,
      turn: nothing,
      measured: nothing,
      leaving: nothing,
      ledger: nothing,
      closed: (why) => reason = why,
    };
    const dial = { gate, host: "127.0.0.1", net: node.net, key: node.key, record: node.record, head: node.head };
    const client = await GateClient.connect({ ...dial, random, now: () => Date.now(), failed: nothing }, events);
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
