/** What admins sign, among real programs: a coordinator that lost everything, and a machine that is put out. */
import assert from "node:assert/strict";
import { waitFor } from "../../scripts/lab/process.ts";
import { peers, setupCode, startGate, startMesh, status } from "../../scripts/lab/programs.ts";
import { addressOf, connected, fixture, homes, reaches } from "./support.ts";

const test = fixture(homes);

test("a coordinator that lost its store comes back from a member's copy, and everybody returns by themselves", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const { network } = await status(alice);
  await net.mesh.stop("SIGKILL");
  await net.host("coordinator").sh("rm -f /var/lib/ghostmesh/store.kv*");
  await reaches(alice, await addressOf(alice, "bob"));
  const copy = await bob.ctlJson<{ source: string }>(["ledger", "export", "ledger.jsonl"]);
  assert.equal(copy.source, "daemon");
  await alice.write("ledger.jsonl", (await bob.sh("cat /run/home/ledger.jsonl")).stdout);

  net.mesh = await startMesh(net.host("coordinator"));
  const argv = ["ledger", "import", "ledger.jsonl", "--setup", "-"];
  const back = await alice.ctlJson<{ head: { seq: number } }>(argv, { stdin: await setupCode(net.mesh) });
  assert.equal(back.head.seq, network.ledgerSeq);
  for (const name of ["alice", "bob", "carol"]) await connected(net.host(name));
  await waitFor("all machines to be listed again", async () => {
    const { nodes } = await alice.ctlJson<{ nodes: { name: string }[] }>(["nodes", "list"]);
    const { gates } = await alice.ctlJson<{ gates: unknown[] }>(["gate", "list"]);
    return nodes.map((n) => n.name).join() === "alice,bob,carol" && gates.length === 1;
  });
  assert.equal((await status(bob)).network.id, network.id);
});

test("a gate that was restarted does not check again what it has checked, and serves", async (net) => {
  await net.gate.stop("SIGTERM");
  assert.match((await net.host("gate").sh("cat /var/lib/ghostgate/ledger.checked.json")).stdout, /"seq"/);
  net.gate = await startGate(net.host("gate"));
  for (const name of ["alice", "bob", "carol"]) await connected(net.host(name));
});

test("a revoked machine loses its tunnels at every peer and its sessions at the gate", async (net) => {
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  const address = await addressOf(alice, "bob");
  await alice.ctl(["nodes", "revoke", "bob", "--reason", "lost"]);
  for (const host of [alice, carol]) {
    await waitFor(`${host.name} to drop bob`, async () => (await peers(host)).every((p) => p.name !== "bob"));
    const allowed = (await host.sh("wg show all allowed-ips")).stdout;
    assert.ok(!allowed.includes(address), allowed);
  }
  await waitFor("the gate to refuse bob", async () => (await status(net.host("bob"))).gates.every((g) => !g.connected));
  assert.deepEqual(await peers(net.host("bob")), []);
  const audit = await alice.ctlJson<{ changes: { kind: string }[] }>(["audit"]);
  assert.equal(audit.changes.at(-1)!.kind, "revoke");
  await reaches(alice, await addressOf(alice, "carol"));
});
