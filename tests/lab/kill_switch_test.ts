/** The kill switch where something else fails: a start, a run, a boot with the tunnel down. */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { runLink } from "../../scripts/lab/programs.ts";
import { CAROL, ROUTER_A } from "../../scripts/lab/topology.ts";
import { exitWorld } from "./exit_world.ts";
import { fixture } from "./support.ts";

const test = fixture(() => exitWorld());

async function tables(host: Host): Promise<string> {
  return (await host.run(["nft", "list", "tables"])).stdout;
}

async function stop(host: Host, how: "SIGTERM" | "SIGKILL"): Promise<void> {
  await host.processes.findLast((p) => p.name.includes("ghostlink"))!.stop(how);
}

test("the kill switch outlives a start that fails, and comes first in a run that fails", async (net) => {
  const alice = net.host("alice");
  await net.offered({ ipv4: true, ipv6: true });

  // Without IPv6 on the tunnel its address there cannot be set: every run fails half-way.
  const ipv6 = (off: 0 | 1) => alice.sh(`sysctl -qw net.ipv6.conf.ghost0.disable_ipv6=${off}`);
  await ipv6(1);
  const use = await alice.ctl(["exit-node", "use", "carol", "--kill-switch"], { codes: "any" });
  assert.notEqual(use.code, 0, "a run that failed is told");
  assert.match(use.stderr, /ip addr/);
  assert.match(await tables(alice), /ghostkill/);
  assert.match((await alice.run(["ip", "rule"])).stdout, /0x67680000/);
  await ipv6(0);
  await alice.ctl(["exit-node", "use", "carol", "--kill-switch"]);
  await net.sees(alice, 4, CAROL);

  const leaks = await net.leaks();
  await stop(alice, "SIGKILL");
  const records = "/var/lib/ghostlink/records.json";
  await alice.sh(`cp ${records} ${records}.good; echo broken > ${records}`);
  const failed = runLink(alice);
  await waitFor("a start that fails", () => Promise.resolve(!failed.running));
  assert.match(failed.text, /records\.json/);
  assert.match(await tables(alice), /ghostkill/);
  assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""]);
  await alice.sh(`mv ${records}.good ${records}`);
  await runLink(alice).line(/ is up: /);
  await net.sees(alice, 4, CAROL);
  assert.equal(await net.leaks(), leaks);
  await alice.ctl(["exit-node", "none"]);
  assert.doesNotMatch(await tables(alice), /ghostkill/);
  await net.sees(alice, 4, ROUTER_A);
});
