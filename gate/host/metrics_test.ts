import assert from "node:assert/strict";
import { metricsText, serveMetrics } from "./metrics.ts";
import { GateWorld } from "./testing_gate.ts";

Deno.test("serveMetrics() shows the gate's sums by network, at /metrics alone, and nobody's address or key", async () => {
  await using w = await GateWorld.create();
  const { node } = await w.join("a");
  await using served = serveMetrics({
    hostname: "127.0.0.1",
    port: 0,
    place: "relay.metrics",
    network: w.network.id,
    source: {
      counts: () => w.core.counts(),
      turnedAway: () => 4,
      lanes: () =>
        Promise.resolve({
          mode: "kernel" as const,
          packets: 5,
          bytes: 600,
          unproved: 1,
          limited: 2,
          loopPackets: 3,
        }),
      stun: () => ({ answered: 7, withheld: 0 }),
    },
  });
  const get = async (path: string) => await fetch(`http://127.0.0.1:${served.port}${path}`);
  const answer = await get("/metrics");
  const text = await answer.text();
  assert.match(answer.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const label = `{network="${w.network.id}"}`;
  for (
    const line of [
      "# TYPE ghostgate_sessions gauge",
      `ghostgate_sessions${label} 1`,
      "# TYPE ghostgate_lane_bytes_total counter",
      `ghostgate_lane_bytes_total${label} 600`,
      `ghostgate_lane_packets_limited_total${label} 2`,
      `ghostgate_lanes_in_kernel${label} 1`,
      `ghostgate_stun_answers_total${label} 7`,
      `ghostgate_turned_away_total${label} 4`,
    ]
  ) assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
  for (const name of ["process_resident_memory_bytes", "nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"]) {
    const bytes = Number(new RegExp(`^${name}\\{network="[^"]+"\\} (\\d+)$`, "m").exec(text)?.[1]);
    assert.ok(bytes > 10_000, `${name} is ${bytes}`);
  }
  for (const secret of [node.id, node.key.public, "127.0.0.1"]) assert.ok(!text.includes(secret));
  const silent = await metricsText(null, {
    counts: () => null,
    turnedAway: () => 0,
    lanes: () => Promise.resolve(null),
    stun: () => ({ answered: 7, withheld: 0 }),
  });
  assert.match(silent, /^ghostgate_stun_answers_total 7$/m); // without sessions, lanes and a network
  assert.doesNotMatch(silent, /sessions|lane|relay|turned/);
  const other = await get("/");
  assert.equal(other.status, 404);
  await other.body?.cancel();
  const { port } = served;
  const again = { hostname: "127.0.0.1", port, place: "ghostgate.toml relay.metrics", network: null, source: null! };
  assert.throws(() => serveMetrics(again), { code: "port_in_use", place: "ghostgate.toml relay.metrics" });
});
