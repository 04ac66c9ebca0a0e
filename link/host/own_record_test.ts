import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { MeshClient } from "../../mesh/client/mod.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { boxer, network, nodeRecordOf, NOW } from "../../mesh/trust/testdata/network.ts";
import { OwnRecord } from "./own_record.ts";
import { Publisher } from "./publisher.ts";
import { random } from "./random.ts";
import { NodeState } from "./state.ts";

const DAY = 86_400;

/** Alice's record, 30 days long, on a machine whose clock the test moves. */
async function withOwn(work: (own: OwnRecord, clock: { now: number }) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const ledger = await network();
    const wg = await boxer("alice wg");
    const alice = await nodeRecordOf(ledger, "alice", { wg: wg.public, exp: NOW + 30 * DAY });
    const clock = { now: NOW };
    const own = new OwnRecord({
      state: new NodeState(dir),
      identity: { identity: alice.key, wg, wgNext: null, seal: await boxer("alice seal") },
      network: {
        server: "http://127.0.0.1:1",
        ca: null,
        net: ledger.network.id,
        name: "alice",
        ipv4Counter: 0,
        record: await signNodeRecord(alice.record, alice.key),
        seq: 1,
      },
      random,
      now: () => clock.now * 1000,
    });
    await work(own, clock);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("OwnRecord is due at half its life, long after it, and when the clock was ahead when it was signed", async () => {
  await withOwn(async (own, clock) => {
    assert.equal(own.dueForRenewal, false);
    for (const after of [16, 40]) {
      clock.now = NOW + after * DAY;
      assert.equal(own.dueForRenewal, true, `${after} days`);
    }
    await own.change({});
    assert.equal(own.dueForRenewal, false);
    clock.now = NOW; // it was set right
    assert.equal(own.dueForRenewal, true);
    await own.change({});
    assert.equal(own.dueForRenewal, false);
    assert.equal(own.record.iat, NOW);
  });
});

Deno.test("OwnRecord.changeFrom() decides by the record that it changes, also when another change is under way", async () => {
  await withOwn(async (own) => {
    const [a, b] = ["a".repeat(26), "e".repeat(26)];
    const home = (gate: string) =>
      own.changeFrom(({ gates }) => gates.join() === gate ? null : { gates: [gate] }).then((before) => before?.gates);
    await own.change({ gates: [a] });
    const { seq } = own.record;
    assert.deepEqual(await Promise.all([home(b), home(a), home(a)]), [[a], [b], undefined]);
    assert.deepEqual(own.record.gates, [a]);
    assert.equal(own.record.seq, seq + 2);
    const carry = (prefix: string) => own.changeFrom(({ routes }) => ({ routes: [...routes, prefix] }));
    await Promise.all([carry("10.0.0.0/24"), carry("10.0.1.0/24")]);
    assert.deepEqual(own.record.routes, ["10.0.0.0/24", "10.0.1.0/24"]);
  });
});

Deno.test("Publisher renews a record though the coordinator is away, and tells who has to know", async () => {
  await withOwn(async (own, clock) => {
    using mesh = new MeshClient({
      server: own.network.server,
      net: own.network.net,
      key: own.identity.identity,
      now: () => clock.now * 1000,
      random,
    });
    let renewed = 0;
    const log = createLog("ghostlink", { write: () => {} });
    const publisher = new Publisher({ mesh, own, log, renewed: () => Promise.resolve(void renewed++) });
    await publisher.renew();
    assert.equal(renewed, 0);
    clock.now = NOW + 40 * DAY;
    await publisher.renew();
    await publisher.publish();
    assert.equal(renewed, 1);
    assert.equal(own.record.iat, clock.now);
  });
});
