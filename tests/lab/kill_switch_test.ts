/** The kill switch where something else fails: a start, a run, a boot with the tunnel down. */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { runLink } from "../../scripts/lab/programs.ts";
import { CAROL, ROUTER_A } from "../../scripts/lab/topology.ts";
import { exitWorld, ghostlinkOf, WEB } from "./exit_world.ts";
import { fixture } from "./support.ts";

const test = fixture(() => exitWorld());

async function tables(host: Host): Promise<string> {
  return (await host.run(["nft", "list", "tables"])).stdout;
}

async function stop(host: Host, how: "SIGTERM" | "SIGKILL"): Promise<void> {
  await ghostlinkOf(host).stop(how);
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
  await waitFor("a start that fails", () => !failed.running);
  await failed.ended; // with its last lines
  assert.match(failed.text, /records\.json/);
  assert.match(await tables(alice), /ghostkill/);
  assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""]);
  await alice.sh(`mv ${records}.good ${records}`);
  await runLink(alice).line(/ is up: /);
  await net.sees(alice, 4, CAROL);

  // A boot with the tunnel down: the kernel has forgotten, the settings have not.
  const used = async () => JSON.parse((await alice.ctl(["status", "--json"])).stdout);
  assert.equal((await used()).exit.killSwitch, true);
  assert.match((await alice.ctl(["down"])).stderr, /the kill switch holds: nothing leaves/);
  assert.match((await used()).warnings.join("\n"), /the kill switch holds: nothing leaves/);
  await stop(alice, "SIGTERM");
  await alice.run(["nft", "delete", "table", "inet", "ghostkill_ghost0"]);
  runLink(alice);
  const note = async (text: RegExp) =>
    text.test((await alice.ctl(["exit-node", "list", "--json"], { codes: "any" })).stdout);
  await waitFor("the kill switch after a boot", () => note(/the kill switch holds/));
  assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""]);
  assert.equal(await net.leaks(), leaks);

  // A container's network that has come since, and what answers from a published port there, without a run in between.
  await alice.sh(`ip netns add box; ip link add docker9 type veth peer name eth0 netns box
    ip address add 172.31.9.1/24 dev docker9; ip link set docker9 up; sysctl -qw net.ipv4.ip_forward=1
    ip netns exec box sh -c 'ip link set eth0 up; ip address add 172.31.9.2/24 dev eth0; ip route add default via 172.31.9.1'
    nft 'table ip boxed { chain out { type nat hook postrouting priority srcnat; oifname eth0 masquerade; }; }'`);
  const asked = await alice.sh(`ip netns exec box curl -s --max-time 2 http://${WEB[4]}/ || echo refused`);
  assert.equal(asked.stdout.trim(), "refused");
  assert.equal(await net.leaks(), leaks);
  await alice.run(["nft", "delete", "table", "inet", "ghostkill_ghost0"]);
  assert.ok(await note(/the kill switch is gone/));
  await alice.sh(`ip netns exec box curl -s --max-time 1 http://${WEB[4]}/ || true`);
  assert.ok(await net.leaks() > leaks, "without it, a container's packets do leave");

  await alice.ctl(["up"]);
  await net.sees(alice, 4, CAROL);
  await alice.ctl(["exit-node", "none"]);
  assert.doesNotMatch(await tables(alice), /ghostkill/);
  await net.sees(alice, 4, ROUTER_A);
});
