/** A direct path whose ground moves: another network, a router that forgot, a machine that slept. Its streams stay. */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { createToken, joinAll, peers, startNetwork, status, waitForRung } from "../../scripts/lab/programs.ts";
import { run, signal } from "../../scripts/lib/run.ts";
import { Stream } from "../../scripts/lab/stream.ts";
import { addHomes, addLte, addServers, ROUTER_A, ruleSet } from "../../scripts/lab/topology.ts";
import { addressOf, fixture, reaches } from "./support.ts";

const LTE = "203.0.113.4";

interface Net {
  lab: Lab;
  alice: Host;
  bob: Host;
  links: { alice: Process; bob: Process };
  stream: Stream;
  token: string;
}

const test = fixture<Net>(async () => {
  const lab = new Lab();
  await addServers(lab);
  const { alice, bob } = await addHomes(lab);
  await addLte(lab, alice, LTE);
  await startNetwork(lab, alice);
  const token = await createToken(alice, "--uses", "3");
  const [a, b] = await joinAll([alice, bob], token);
  const links = { alice: a!, bob: b! };
  await waitForRung(alice, "bob", "direct");
  await waitForRung(bob, "alice", "direct");
  const stream = await Stream.open(bob, alice, await addressOf(alice, "bob"));
  return { lab, alice, bob, links, stream, token };
});

/** Waits until bob's daemon has a direct path to alice at an address that fits, and alice's to bob. */
async function directAt({ alice, bob }: Net, endpoint: RegExp): Promise<void> {
  await waitFor(`a direct path to ${endpoint}`, async () => {
    const seen = (await peers(bob)).find(({ name }) => name === "alice");
    return seen?.path.rung === "direct" && endpoint.test(seen.path.endpoint ?? "");
  }, { timeout: 60_000, every: 100 });
  await waitForRung(alice, "bob", "direct");
}

test("two machines behind one NAT meet inside of it", async (net) => {
  const { lab, alice, token } = net;
  const na = lab.host("na");
  const dave = await lab.addHost("dave");
  await lab.connect(dave, "eth0", na, "lan2");
  await na.run(["ip", "address", "add", "10.9.4.1/24", "dev", "lan2"]);
  await dave.sh("ip address add 10.9.4.2/24 dev eth0; ip route add default via 10.9.4.1");
  const [link] = await joinAll([dave], token);
  const { path } = await waitForRung(alice, "dave", "direct");
  assert.equal(path.endpoint, "10.9.4.2:51820");
  assert.equal((await waitForRung(dave, "alice", "direct")).path.endpoint, "10.9.1.2:51820");
  await link!.stop();
});

test("from Wi-Fi to LTE: another address, another gateway, the same streams", async (net) => {
  const { alice, stream } = net;
  await alice.sh("ip link set eth0 down; ip address add 10.9.3.2/24 dev wwan0; ip route add default via 10.9.3.1");
  await directAt(net, new RegExp(`^${LTE}:`));
  await stream.goesOn();
  assert.ok(stream.judge().whole);
});

test("a default route that moves between two networks that stay, moves the path", async (net) => {
  const { alice, stream } = net;
  await alice.sh("ip link set eth0 up; ip route add default via 10.9.1.1 metric 500");
  await directAt(net, new RegExp(`^${LTE}:`));
  await alice.sh("ip route del default via 10.9.3.1; ip route add default via 10.9.3.1 metric 600");
  await directAt(net, new RegExp(`^${ROUTER_A}:`));
  await stream.goesOn();
  assert.ok(stream.judge().whole);
});

test("a router that restarts with another mapping is found again, with all streams", async (net) => {
  const { lab, stream } = net;
  const na = lab.host("na");
  await na.run(["nft", "delete", "table", "ip", "nat"]);
  const words = ["-D", `outer=${ROUTER_A}`, "-D", "client=10.9.1.2"];
  await na.run(["nft", ...words, "-f", ruleSet("eim_apdf_not_preserving")]);
  await na.run(["conntrack", "-F"]);
  await directAt(net, new RegExp(`^${ROUTER_A}:40001$`));
  await stream.goesOn();
  assert.ok(stream.judge().whole);
});

test("a machine that slept comes back to a direct path, with all streams", async (net) => {
  const { bob, links, stream } = net;
  // WireGuard in userspace sleeps as well, as all of a machine does.
  const script =
    'for pid in $(ip netns pids alice); do grep -q "^wireguard" "/proc/$pid/comm" && echo "$pid"; done; true';
  const { stdout } = await run(["/bin/sh", "-c", script]);
  const pids = [String(links.alice.pid), ...stdout.split("\n").filter(Boolean)];
  const from = links.bob.lines.length;
  for (const pid of pids) signal(Number(pid), "SIGSTOP");
  await links.bob.line(/^alice: (?!direct)/, { from });
  for (const pid of pids) signal(Number(pid), "SIGCONT");
  await directAt(net, /./);
  await reaches(bob, await addressOf(bob, "alice"));
  await stream.goesOn();
  assert.ok(stream.judge().whole);
});

test("what collides with the network's range is named, and peers are routed one by one", async (net) => {
  const { alice, bob } = net;
  const address = await addressOf(alice, "bob");
  await alice.sh(
    `ip link add tailscale0 type veth peer name far; ip link set far up; ip link set tailscale0 up; ip address add 100.101.102.103/32 dev tailscale0
     ip route add "$1/32" dev tailscale0 table 52; ip rule add pref 5270 lookup 52`,
    address,
  );
  const named = (pattern: RegExp) =>
    waitFor(`${pattern}`, async () => (await status(alice)).warnings.some((line) => pattern.test(line)));
  await named(/^tailscale0 has 100\.101\.102\.103 and leads .*: bob \([0-9.]+\) cannot be reached by that address/);
  await net.links.alice.line(/Addresses collide/);
  assert.match((await alice.ctl(["netcheck"])).stdout, /^tailscale0 has 100\.101\.102\.103/m);
  const six = (await peers(alice)).find(({ name }) => name === "bob")!.addresses.find((a) => a.includes(":"))!;
  await reaches(alice, six);
  const { stdout } = await alice.sh("ip -4 route show dev ghost0; ip -6 route show dev ghost0 proto 207");
  for (const line of stdout.split("\n").filter(Boolean)) assert.doesNotMatch(line.split(" ")[0]!, /\/(?!32$|128$)/);
  await alice.sh("ip rule del pref 5270; ip link del tailscale0");
  await waitFor("no collision", async () => !(await status(alice)).warnings.some((line) => /tailscale0/.test(line)));
  await reaches(alice, address);
  await reaches(bob, await addressOf(bob, "alice"));
});
