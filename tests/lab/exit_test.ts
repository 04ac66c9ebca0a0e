/** Exit nodes: both families, the LAN by choice, a crash, a kill switch, and everything as before at the end. */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { runLink, waitForRung } from "../../scripts/lab/programs.ts";
import { CAROL, COORDINATOR, GATE, ROUTER_A } from "../../scripts/lab/topology.ts";
import { ACLS, CAROL_6, exitWorld, ghostlinkOf, ROUTER_LAN } from "./exit_world.ts";
import { connected, fixture, reaches } from "./support.ts";

const test = fixture(() => exitWorld());

/** Rules, and the default routes of all tables, in no order. */
async function ways(host: Host): Promise<string> {
  const { stdout } = await host.sh(`for f in -4 -6; do ip $f rule; ip $f route show table all | grep default; done`);
  return stdout.replace(/ expires \S+/g, "").split("\n").sort().join("\n");
}

/** Waits for the daemon of a host to have taken over its socket again. */
async function started(host: Host): Promise<void> {
  const link = runLink(host);
  await link.line(/ is up: /);
}

async function end(host: Host, how: "SIGTERM" | "SIGKILL"): Promise<void> {
  await ghostlinkOf(host).stop(how);
}

test("all traffic of both families leaves by the exit node, and past it only what the daemon needs", async (net) => {
  const alice = net.host("alice");
  await net.offered({ ipv4: true, ipv6: true });
  const before = await ways(alice);
  await net.sees(alice, 4, ROUTER_A);
  await net.sees(alice, 6, "2001:db8:9::2");
  // Strict reverse-path filters judge a packet's way back by rules that do not know its mark: they are loosened meanwhile.
  const strict = "net.ipv4.conf.eth0.rp_filter";
  const filter = async () => (await alice.run(["sysctl", "-n", strict])).stdout.trim();
  await alice.run(["sysctl", "-qw", `${strict}=1`]);
  const leaks = await net.leaks();
  const used = await alice.ctl(["exit-node", "use", "carol"]);
  assert.match(used.stdout, /^IPv4 and IPv6 leaves through carol; the LAN is not reached/);
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  const wayTo = async (...to: string[]) => (await alice.run(["ip", "route", "get", ...to])).stdout;
  assert.match(await wayTo(GATE), / dev ghost0 .*src 100\./);
  // Whose address it is decides about a packet's sender: the exit node has none of the network's own.
  const allowed = (await alice.run(["wg", "show", "ghost0", "allowed-ips"])).stdout.split(/\s/);
  assert.ok(allowed.includes("8.0.0.0/7"));
  assert.deepEqual(allowed.filter((p) => /^(0\.0\.0\.0|::|10\.|100\.64\.0\.0)/.test(p)), []);
  assert.match(await wayTo(COORDINATOR, "ipproto", "tcp", "dport", "7777"), / dev eth0 src 10\.9\.1\.2/);
  const lan = ["ping", "-c", "1", "-W", "1", ROUTER_LAN];
  assert.notEqual((await alice.run(lan, { codes: "any" })).code, 0);
  await alice.ctl(["exit-node", "use", "carol", "--lan"]);
  await reaches(alice, ROUTER_LAN);
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  await connected(alice);
  await waitForRung(alice, "carol", "direct");
  assert.equal(await net.leaks(), leaks);
  assert.equal(await filter(), "2");
  assert.match((await alice.ctl(["exit-node", "none"])).stdout, /leaves as before/);
  assert.equal(await filter(), "1");
  await alice.run(["sysctl", "-qw", `${strict}=0`]);
  assert.equal(await ways(alice), before);
  await net.sees(alice, 4, ROUTER_A);
  await net.sees(alice, 6, "2001:db8:9::2");
});

test("nothing leaves in clear while the tunnel's device is gone, and a network that is carried stays so", async (net) => {
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  await net.offered({ ipv4: true, ipv6: true });
  await alice.write("carry.toml", ACLS.replace('"internet"]', '"internet", "10.9.1.0/24"]'));
  await alice.ctl(["policy", "push", "carry.toml"]);
  await alice.ctl(["route", "add", "10.9.1.0/24", "via", "alice"]);
  await alice.ctl(["exit-node", "use", "carol"]);
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  const carried = ["ping", "-c", "1", "-W", "1", ROUTER_LAN];
  await waitFor("alice's LAN", async () => (await carol.run(carried, { codes: "any" })).code === 0);
  await alice.ctl(["route", "remove", "10.9.1.0/24", "via", "alice"]);
  await alice.write("as_before.toml", ACLS);
  await alice.ctl(["policy", "push", "as_before.toml"]);
  const leaks = await net.leaks();
  const daemon = ghostlinkOf(alice);
  daemon.kill("SIGSTOP");
  await alice.sh("ip link del ghost0");
  assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""]);
  assert.equal(await net.leaks(), leaks);
  daemon.kill("SIGCONT");
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  assert.equal(await net.leaks(), leaks);
  await alice.ctl(["exit-node", "none"]);
  await net.sees(alice, 4, ROUTER_A);
});

test("an exit node outlives the daemon that was killed, and is given up by the next one as well", async (net) => {
  const alice = net.host("alice");
  await net.offered({ ipv4: true, ipv6: true });
  const before = await ways(alice);
  await alice.ctl(["exit-node", "use", "carol"]);
  const during = await ways(alice);
  await end(alice, "SIGKILL");
  await started(alice);
  await waitFor("the exit node again", async () => await net.seen(alice, 4) === CAROL);
  // The daemon's own sockets have other ports now, and nothing of the old ones is left.
  const portless = (text: string) => text.replace(/sport \d+/g, "sport N");
  await waitFor("the rules of before", async () => portless(await ways(alice)) === portless(during));
  await end(alice, "SIGKILL");
  await alice.sh(`sed -i 's/"exit":{[^}]*}/"exit":null/' /var/lib/ghostlink/settings.json`);
  await started(alice);
  assert.equal(await ways(alice), before);
});

test("with the kill switch nothing leaves while the exit node is gone or the daemon stopped", async (net) => {
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  await net.offered({ ipv4: true, ipv6: true });
  await alice.ctl(["exit-node", "use", "carol", "--kill-switch"]);
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  const leaks = await net.leaks();
  await end(carol, "SIGTERM");
  assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""]);
  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    await end(alice, how);
    assert.deepEqual([await net.seen(alice, 4), await net.seen(alice, 6)], ["", ""], how);
    if (how === "SIGTERM") await started(alice);
  }
  assert.equal(await net.leaks(), leaks);
  await Promise.all([started(carol), started(alice)]);
  await waitFor("the exit node again", async () => await net.seen(alice, 4) === CAROL);
  await connected(alice);
  await alice.ctl(["exit-node", "none"]);
  assert.doesNotMatch((await alice.run(["nft", "list", "tables"])).stdout, /ghostkill/);
  await net.sees(alice, 4, ROUTER_A);
});

test("an admin approves an exit node that the policy does not, and takes it back", async (net) => {
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  await alice.write("plain.toml", '[tags]\nexit = []\n[[allow]]\nfrom = ["*"]\nto = ["*", "internet"]\n');
  await alice.ctl(["policy", "push", "plain.toml"]);
  const exits = async () => (await alice.ctlJson<{ exits: { name: string }[] }>(["exit-node", "list"])).exits.length;
  await waitFor("no exit node", async () => await exits() === 0);
  const refused = await alice.ctl(["exit-node", "use", "carol"], { codes: "any" });
  assert.match(refused.stderr, /Not an exit node for this machine: policy does not let/);
  assert.match((await alice.ctl(["exit-node", "approve", "carol"])).stdout, /carol is an exit node for IPv4 and IPv6/);
  await net.offered({ ipv4: true, ipv6: true });
  await alice.ctl(["exit-node", "use", "carol"]);
  await net.sees(alice, 4, CAROL);
  await alice.ctl(["exit-node", "approve", "carol", "--remove"]);
  await waitFor("nothing to leave", async () => await net.seen(alice, 4) === "");
  assert.match((await alice.ctl(["status"])).stdout, /nothing leaves/);
  const peers = await alice.ctlJson<{ peers: { addresses: string[] }[] }>(["peers"]);
  for (const address of peers.peers[0]!.addresses) await alice.run(["ping", "-c", "1", "-W", "3", address]);
  await alice.ctl(["exit-node", "none"]);
  await net.sees(alice, 4, ROUTER_A);
  await carol.ctl(["exit-node", "offer", "off"]);
});
