import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import { systemRunner } from "../../../mesh/host/runner.ts";
import { CLOSED, type Counted } from "../../../mesh/policy/mod.ts";
import type { Seen } from "./backend.ts";
import { FirewallDesk } from "./desk.ts";
import { FIREWALLS } from "./registry.ts";

/** A desk over a back end whose kernel says `seen`, and forgets it when the test does. */
async function desk(t: { now: number; seen: Seen; chains: string }): Promise<FirewallDesk> {
  FIREWALLS.toy = () => ({
    chains: () => t.chains,
    apply: () => Promise.resolve(),
    read: () => Promise.resolve(structuredClone(t.seen)),
    close: () => Promise.resolve(),
  });
  try {
    return await FirewallDesk.open("toy", {
      iface: "ghost0",
      runner: systemRunner,
      tools: { nft: "/usr/sbin/nft" },
      log: createLog("ghostlink", { write: () => {} }),
      onChange: null,
      now: () => t.now,
    });
  } finally {
    delete FIREWALLS.toy;
  }
}

const refused: Counted = { kind: "refused", direction: "in", rules: [] };
const flow = { of: refused, source: "100.64.0.2", destination: "100.64.0.1", protocol: "tcp", port: 22 };

Deno.test("FirewallDesk counts on when the table is loaded anew, and starts again with another policy", async () => {
  const t = {
    now: 1_000_000,
    seen: { counts: [{ of: refused, packets: 3, bytes: 30 }], flows: [{ ...flow, packets: 3, ago: 5 }] },
    chains: "one",
  };
  const it = await desk(t);
  const load = (entry: number, chains: string) => {
    t.chains = chains;
    it.chains(CLOSED);
    it.taken(CLOSED, entry);
  };
  load(4, "one");
  await it.keep();
  t.seen = { counts: [{ of: refused, packets: 2, bytes: 20 }], flows: [{ ...flow, packets: 2, ago: 1 }] };
  t.now += 60_000;
  load(4, "a peer more");
  assert.deepEqual(await it.totals(), [{ of: refused, packets: 5, bytes: 50 }]);
  const [only, ...others] = (await it.flows())!;
  assert.deepEqual([only!.packets, only!.what, only!.time, others], [
    5,
    "refused",
    new Date(1_059_000).toISOString(),
    [],
  ]);
  // The same chains by another policy are not loaded, so their counts are still those of before.
  load(5, "a peer more");
  assert.equal(it.inForce.since, 1_000_000);
  assert.equal((await it.totals())![0]!.packets, 5);
  await it.keep();
  t.seen = { counts: [], flows: [] };
  load(6, "others");
  assert.deepEqual(await it.totals(), []);
  assert.equal(it.inForce.since, 1_060_000);
  assert.equal((await it.flows())!.length, 1, "what happened stays in the log");
});

Deno.test("FirewallDesk keeps a bounded number of flows, the newest ones", async () => {
  const t = { now: 0, seen: { counts: [], flows: [] } as Seen, chains: "" };
  const it = await desk(t);
  for (let round = 0; round < 12; round++) {
    t.now = round * 1000;
    t.seen.flows = Array.from({ length: 100 }, (_, i) => ({ ...flow, port: round * 100 + i, packets: 1, ago: 0 }));
    await it.keep();
  }
  const ports = (await it.flows())!.map(({ port }) => port!);
  assert.equal(ports.length, 1000);
  assert.equal(Math.min(...ports), 200);
});

Deno.test("FirewallDesk.open() names the back ends that there are", async () => {
  await assert.rejects(
    FirewallDesk.open("iptables", { iface: "g" } as Parameters<typeof FirewallDesk.open>[1]),
    { code: "bad_config", mend: "it is one of nft, none" },
  );
});
