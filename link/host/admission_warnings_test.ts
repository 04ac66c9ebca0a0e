import assert from "node:assert/strict";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { add, admin, network, nodeRecordOf, NOW } from "../../mesh/trust/testdata/network.ts";
import { STARTER_POLICY } from "../../mesh/policy/mod.ts";
import { admissionWarnings, whyOut } from "./admission_warnings.ts";
import { NetworkView } from "./network_view.ts";
import { nameWarning } from "./report.ts";

async function alone() {
  const ledger = await network();
  await add(ledger, "policy", { format: "toml", source: STARTER_POLICY });
  const { id, key, record } = await nodeRecordOf(ledger, "alice");
  let now = NOW;
  const view = new NetworkView({ selfId: id, ledger, now: () => now });
  await view.node(await signNodeRecord(record, key));
  const entry = async (kind: "revoke" | "node", body: never) =>
    void await view.entry(await signEntry({ ledger, admin, kind, body, iat: NOW }));
  return {
    view,
    key: key.public,
    entry,
    at: (seconds: number) => ({ now: now = NOW + seconds, key: key.public }),
  };
}

Deno.test("admissionWarnings tells a revoked machine the only way back", async () => {
  const { view, key, entry, at } = await alone();
  assert.equal(whyOut(view, at(0)), null);
  await entry("revoke", { what: "node", key } as never);
  assert.deepEqual(admissionWarnings(view, at(0)), [
    "this machine was revoked, which is for good; ghostctl leave --yes --forget-keys, then ghostctl join --auth TOKEN with a new token",
  ]);
});

Deno.test("admissionWarnings warns of an end that an admin set, and tells it alike when time or an entry brought it", async () => {
  const timed = await alone();
  await timed.entry("node", { node: timed.view.selfId, expires: NOW + 8 } as never);
  const end = new Date((NOW + 8) * 1000).toISOString();
  assert.deepEqual(admissionWarnings(timed.view, timed.at(8)), [
    `the membership of this machine ends at ${end}: ask an admin for ghostctl nodes expire alice`,
  ]);
  const over = admissionWarnings(timed.view, timed.at(9));
  assert.match(over[0]!, /^this node is not admitted to the network: record: Membership ended at .*; ask an admin/);

  const atOnce = await alone();
  atOnce.at(9);
  await atOnce.entry("node", { node: atOnce.view.selfId, expires: NOW + 8 } as never);
  assert.equal(atOnce.view.nodes.size, 0);
  assert.deepEqual(admissionWarnings(atOnce.view, atOnce.at(9)), over);
});

Deno.test("admissionWarnings says nothing of an end that is far", async () => {
  const { view, entry, at } = await alone();
  await entry("node", { node: view.selfId, expires: NOW + 90 * 86_400 } as never);
  assert.deepEqual(admissionWarnings(view, at(0)), []);
});

Deno.test("nameWarning says who has decided that this machine is called otherwise", async () => {
  const { view, entry } = await alone();
  const { ledger, selfId: id } = view;
  assert.equal(nameWarning(ledger, { id, name: "alice", wanted: "alice" }), null);
  assert.match(nameWarning(ledger, { id, name: id, wanted: "alice" })!, /taken first by another machine/);
  await entry("node", { node: (await nodeRecordOf(ledger, "bob")).id, name: "alice" } as never);
  assert.match(nameWarning(ledger, { id, name: id, wanted: "alice" })!, /^an admin gave the name "alice" to another/);
  await entry("node", { node: id, name: "robert" } as never);
  assert.match(
    nameWarning(ledger, { id, name: "robert", wanted: "alice" })!,
    /^an admin has named this machine "robert"/,
  );
});
