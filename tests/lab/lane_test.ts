/** Lanes end to end: two nodes whose NATs allow no direct path, and a gate whose kernel carries their packets. */
import assert from "node:assert/strict";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { admit, GATE_TOML, peers, startGate, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addPublic, blockLanes, buildHomes, unblockLanes } from "../../scripts/lab/topology.ts";
import { addressOf, fixture, reaches } from "./support.ts";

interface World {
  lab: Lab;
  host(name: string): Host;
  /** bob's address in the network. */
  bob: string;
}

async function make(): Promise<World> {
  const lab = new Lab();
  await buildHomes(lab, { alice: "apdm_apdf", bob: "apdm_apdf" });
  await addPublic(lab, "stranger", "203.0.113.66");
  const host = (name: string) => lab.host(name);
  await startNetwork(lab, host("alice"));
  await admit(host("alice"), ["alice", "bob"].map(host));
  await waitForRung(host("alice"), "bob", "quic");
  return { lab, host, bob: await addressOf(host("alice"), "bob") };
}

const world = fixture(make);

/** What the gate's kernel has counted. */
async function counter(gate: Host, name: string): Promise<{ packets: number; bytes: number }> {
  const { stdout } = await gate.sh("nft list counters");
  const match = new RegExp(`counter ${name} \\{\\s*packets (\\d+) bytes (\\d+)`).exec(stdout);
  assert.ok(match, `no counter ${name}`);
  return { packets: Number(match[1]), bytes: Number(match[2]) };
}

/** Pings until the pair is on a lane at both ends. */
async function onLane({ host, bob }: World): Promise<void> {
  const ping = host("alice").spawn("ping", ["ping", "-i", "0.2", bob]);
  await waitForRung(host("alice"), "bob", "lane");
  await waitForRung(host("bob"), "alice", "lane");
  await ping.stop("SIGINT", 3_000);
}

async function lanePort(gate: Host): Promise<number> {
  const { stdout } = await gate.sh("nft list ruleset | sed -n '/set active/,/}/p'");
  const match = /elements = \{ (\d+)/.exec(stdout);
  assert.ok(match, stdout);
  return Number(match[1]);
}

world("a pair without a direct path climbs from quic to a lane under data, losing nothing", async (w) => {
  const { host, bob } = w;
  const ping = new Ping(host("alice"), bob);
  await ping.first();
  await waitForRung(host("alice"), "bob", "lane");
  await waitForRung(host("bob"), "alice", "lane");
  const result = await ping.stop(1_000);
  assert.deepEqual(result.lost, [], lossText(result));
});

world("the gate's kernel carries the packets, not its process", async (w) => {
  const { host, bob } = w;
  await onLane(w);
  const gate = host("gate");
  const before = await counter(gate, "forwarded");
  const received = async () => (await gate.sh(`nstat -asz UdpInDatagrams | awk '/UdpIn/ {print $2}'`)).stdout.trim();
  const mine = Number(await received());
  host("bob").spawn("iperf3", ["iperf3", "-s", "-1"]);
  await waitFor("iperf3", async () => (await host("bob").sh("ss -ltn | grep -c :5201 || true")).stdout.trim() !== "0");
  const answer = JSON.parse((await host("alice").run(["iperf3", "-c", bob, "-n", "50M", "-J"])).stdout);
  assert.ok(answer.end.sum_received.bytes >= 45e6);
  const after = await counter(gate, "forwarded");
  assert.ok(after.bytes - before.bytes > 50e6, `${after.bytes - before.bytes} bytes on the lane`);
  assert.ok(Number(await received()) - mine < 2_000, "the gate's sockets saw the traffic");
});

world("an uplink of 1,280 bytes takes full packets over the lane in both directions", async (w) => {
  const { host, bob } = w;
  await onLane(w);
  const width = async (mtu: number) => {
    await host("alice").sh(`ip link set eth0 mtu ${mtu}`);
    await host("na").sh(`ip link set lan1 mtu ${mtu}`);
  };
  await width(1280);
  const full = "ping -n -c 40 -i 0.05 -W 1 -s 1252";
  const before = await counter(host("gate"), "forwarded");
  const pings = [[host("alice"), bob], [host("bob"), await addressOf(host("bob"), "alice")]] as const;
  for (const [from, to] of pings) {
    const { stdout } = await from.sh(`${full} ${to}`);
    // WireGuard in userspace has to be told of the narrower way by the first packet that is lost on it.
    assert.match(stdout, /40 packets transmitted, (?:39|40) received/);
  }
  assert.equal((await peers(host("alice"))).find((p) => p.name === "bob")?.path.rung, "lane");
  assert.ok((await counter(host("gate"), "forwarded")).packets - before.packets >= 150, "packets over the lane");
  await width(1500);
});

world("a stranger gets nothing through a lane's port", async (w) => {
  const { host, bob } = w;
  await onLane(w);
  const gate = host("gate");
  const port = await lanePort(gate);
  // As on a host with a firewall, connections are tracked.
  const tracks = "table inet tracks { chain pre { type filter hook prerouting priority 0; ct state new accept; }; }";
  await gate.run(["nft", tracks]);
  const dropped = await counter(gate, "unproved");
  const packet = (port: number) => `printf ${"x".repeat(36)} > /dev/udp/203.0.113.20/${port}`; // a word of bash
  await host("stranger").sh(`exec bash -c '${packet(9)}; for i in 1 2 3 4 5; do ${packet(port)}; done'`);
  await waitFor("the drops", async () => (await counter(gate, "unproved")).packets >= dropped.packets + 5);
  // Neither theirs nor the pair's own packets fill the host's table of connections.
  const { stdout } = await host("alice").run(["ping", "-n", "-c", "20", "-i", "0.01", bob]);
  assert.match(stdout, /20 packets transmitted, 20 received/);
  const tracked = (await gate.run(["conntrack", "-L", "-p", "udp"])).stdout;
  assert.match(tracked, /dport=9 /);
  assert.ok(!tracked.includes(`dport=${port} `), tracked);
  // What the kernel passes on has the other end's address by the time that it would be tracked.
  assert.doesNotMatch(tracked, /src=203\.0\.113\.[23] dst=203\.0\.113\.[23] /);
  await gate.run(["nft", "delete", "table", "inet", "tracks"]);
});

world("blocked lane ports drop the pair back to quic, and traffic goes on", async (w) => {
  const { host, bob } = w;
  await onLane(w);
  await blockLanes(host("na"));
  await waitForRung(host("alice"), "bob", "quic");
  await waitForRung(host("bob"), "alice", "quic");
  await reaches(host("alice"), bob);
  await unblockLanes(host("na"));
});

world("a gate that may not use the kernel carries the same lane through its process", async (w) => {
  const { host, bob } = w;
  await host("gate").processes.find((p) => / ghostgate/.test(p.name))!.stop("SIGTERM", 10_000);
  assert.equal((await host("gate").sh("nft list tables")).stdout.trim(), "");
  await startGate(host("gate"), { config: `${GATE_TOML}lanes_kernel = false\n` });
  await reaches(host("alice"), bob); // by quic or by the new lane already
  const ping = host("alice").spawn("ping", ["ping", "-i", "0.2", bob]);
  const { since } = (await waitForRung(host("alice"), "bob", "lane", 60_000)).path;
  await ping.stop("SIGINT", 3_000);
  const { stdout } = await host("alice").run(["ping", "-n", "-c", "100", "-i", "0.01", bob]);
  assert.match(stdout, /100 packets transmitted, 100 received/);
  const { path } = (await peers(host("alice"))).find(({ name }) => name === "bob")!;
  assert.deepEqual([path.rung, path.since], ["lane", since]);
  const tables = (await host("gate").sh("nft list tables")).stdout.trim();
  assert.equal(tables, "table inet ghostgate_turn", "no table without the kernel's lanes");
  await host("gate").processes.findLast((p) => / ghostgate/.test(p.name))!.stop("SIGTERM", 10_000);
  await startGate(host("gate"));
});

world("a revoked end's lane is gone at once", async (w) => {
  const { host } = w;
  const ping = host("alice").spawn("ping", ["ping", "-i", "0.2", w.bob]);
  await waitForRung(host("alice"), "bob", "lane", 90_000);
  await ping.stop("SIGINT", 3_000);
  await host("alice").ctl(["nodes", "revoke", "bob"]);
  await waitFor(
    "the lane's end",
    async () => !/elements/.test((await host("gate").sh("nft list ruleset | sed -n '/set active/,/}/p'")).stdout),
  );
});

world("ghostgate leaves nothing on its host", async ({ host }) => {
  const gate = host("gate").processes.findLast((p) => / ghostgate/.test(p.name))!;
  await gate.stop("SIGTERM", 10_000);
  assert.equal((await host("gate").sh("nft list tables")).stdout.trim(), "");
  assert.equal((await host("gate").sh("sysctl -n net.ipv4.conf.eth0.forwarding")).stdout.trim(), "0");
});
