/**
 * Lanes at their edges: IPv6, two families, a node on the gate's own host, rates, a kernel that takes nothing more, and a host
 * that forwards for others all the while. One gate, and four nodes that have no direct path:
 *
 *     four   IPv4 alone          six, seven   UDP by IPv6 alone, and not to each other
 *     gate   runs a node too     box          a container behind the gate's host, whose traffic the host masquerades
 */
import assert from "node:assert/strict";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { Ping } from "../../scripts/lab/ping.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { createToken, joinAll, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addPublic, addServers, GATE } from "../../scripts/lab/topology.ts";
import { addressOf, fixture, inWindow, reaches } from "./support.ts";

const TABLE = "ghostgate_40000";
const toml = (lines: string) =>
  `[relay]
listen = "[::]:3478"
advertise = ["2001:db8::20", "${GATE}"]
name = "gate"
lane_idle = 4
${lines}`;

interface World {
  lab: Lab;
  host(name: string): Host;
  gate: Process;
  /** The container's stream to `four`, past the gate's programs. */
  forwarded: Ping;
}

async function make(): Promise<World> {
  const lab = new Lab();
  const host = (name: string) => lab.host(name);
  await addServers(lab);
  const at = { four: "203.0.113.40", six: "203.0.113.60", seven: "203.0.113.70" };
  for (const [name, address] of Object.entries(at)) await addPublic(lab, name, address);
  for (const [name, n] of [["gate", 20], ["six", 60], ["seven", 70]] as const) {
    await host(name).sh(`ip address add 2001:db8::${n}/64 dev eth0 nodad`);
  }
  // What the hosts' own firewalls leave open decides who meets whom and how.
  const only = (name: string, rules: string) =>
    host(name).run(["nft", "-f", "-"], {
      stdin: `table inet own { chain out { type filter hook output priority 0; policy accept;\n${rules}\n}\n}\n`,
    });
  await only("six", "meta l4proto udp ip daddr 203.0.113.0/24 drop; ip6 daddr 2001:db8::70 drop");
  await only("seven", "meta l4proto udp ip daddr 203.0.113.0/24 drop; ip6 daddr 2001:db8::60 drop");
  await only("four", `udp dport 51820 ip daddr ${GATE} drop`);
  const { gate } = await startNetwork(lab, host("four"), { gate: toml("lane_mbit = 10\n") });
  await gate.line(/ready for sessions/);
  // Somebody makes the gate's host forward for a container, after the gate has seen that it does not.
  const box = await lab.addHost("box");
  await lab.connect(box, "eth0", host("gate"), "box0");
  await box.sh("ip address add 10.88.0.2/24 dev eth0; ip route add default via 10.88.0.1");
  await host("gate").sh(`
    ip address add 10.88.0.1/24 dev box0
    sysctl -qw net.ipv4.ip_forward=1
    nft add table ip box
    nft add chain ip box post '{ type nat hook postrouting priority srcnat; }'
    nft add rule ip box post ip saddr 10.88.0.0/24 masquerade`);
  const token = await createToken(host("four"), "--uses", "4");
  await Promise.all(
    ["four", "six", "seven", "gate"].map((name) => joinAll([host(name)], token, "--name", `n-${name}`)),
  );
  await reaches(box, "203.0.113.40"); // once the gate has seen that the host forwards by somebody else's will
  return { lab, host, gate, forwarded: new Ping(box, "203.0.113.40", 20) };
}

const world = fixture(make);

/** Pings until both are on a lane. */
async function lane({ host }: World, a: string, b: string): Promise<void> {
  const address = await addressOf(host(a), `n-${b}`);
  await reaches(host(a), address);
  const ping = host(a).spawn("ping", ["ping", "-i", "0.2", address]);
  await waitForRung(host(a), `n-${b}`, "lane", 60_000);
  await waitForRung(host(b), `n-${a}`, "lane", 60_000);
  await ping.stop("SIGINT", 3_000);
}

/** Elements of a set or map in the gate's table. */
async function elements(w: World, set: string): Promise<string[]> {
  const { stdout } = await w.host("gate").run(["nft", "-j", "list", "map", "inet", TABLE, set], { codes: "any" });
  const text = stdout || (await w.host("gate").run(["nft", "-j", "list", "set", "inet", TABLE, set])).stdout;
  const found = (JSON.parse(text).nftables as { set?: { elem?: unknown[] }; map?: { elem?: unknown[] } }[])
    .flatMap((item) => item.set?.elem ?? item.map?.elem ?? []);
  return found.map((element) => JSON.stringify(element));
}

async function counter(w: World, name: string): Promise<number> {
  const { stdout } = await w.host("gate").sh("nft list counters");
  return Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(stdout)?.[1]);
}

/** Mbit/s that come through in a second, once the second's worth that may come at once is used up. */
async function rate({ host }: World, a: string, b: string): Promise<number> {
  const server = host(b).spawn("iperf3", ["iperf3", "-s", "-1"]);
  await waitFor("iperf3", async () => (await host(b).sh("ss -ltn | grep -c :5201 || true")).stdout.trim() !== "0");
  const address = await addressOf(host(a), `n-${b}`);
  const { stdout } = await host(a).run(["iperf3", "-c", address, "-O", "2", "-t", "1", "-J"]);
  await server.stop("SIGTERM", 1_000);
  return JSON.parse(stdout).end.sum_received.bits_per_second / 1e6;
}

world("two nodes meet on an IPv6 lane in the kernel, which its rate bounds", async (w) => {
  await lane(w, "six", "seven");
  assert.equal((await elements(w, "ends6")).length, 2);
  const limited = await counter(w, "limited");
  const mbit = await rate(w, "six", "seven");
  assert.ok(mbit < 13, `${mbit} Mbit/s where 10 are allowed`);
  assert.ok(await counter(w, "limited") > limited, "nothing was counted as dropped for its rate");
});

world("two families meet through the gate's process, within the same rate", async (w) => {
  await lane(w, "four", "six");
  assert.deepEqual(await elements(w, "ends4"), []);
  const mbit = await rate(w, "four", "six");
  assert.ok(mbit < 13, `${mbit} Mbit/s where 10 are allowed`);
});

world("a node on the gate's own host reaches its peers by lane, and directly where it can", async (w) => {
  await lane(w, "four", "gate");
  await reaches(w.host("gate"), await addressOf(w.host("gate"), "n-four"));
  await waitForRung(w.host("gate"), "n-six", "direct");
  await reaches(w.host("six"), await addressOf(w.host("six"), "n-gate"));
});

world("lanes go on through the gate's process when the kernel takes no more, and return to it", async (w) => {
  const ping = new Ping(w.host("six"), await addressOf(w.host("six"), "n-seven"));
  await ping.goesOn(600); // the lane of the first test may be ending just now for want of data, and comes again
  const { since } = (await waitForRung(w.host("six"), "n-seven", "lane")).path;
  // A table that another program owns cannot be touched (NFT_TABLE_F_OWNER).
  const owner = w.host("gate").spawn("owner", [
    "/bin/sh",
    "-c",
    `mkfifo orders; exec 3<>orders
    echo 'delete table inet ${TABLE}; add table inet ${TABLE} { flags owner; }' >&3; exec nft -i <&3`,
  ]);
  await w.gate.line(/lanes go through this process until/);
  await ping.goesOn(50);
  assert.doesNotMatch(w.gate.text, /the kernel takes lanes again/);
  assert.equal((await waitForRung(w.host("six"), "n-seven", "lane")).path.since, since);
  await owner.stop("SIGKILL");
  await w.gate.line(/the kernel takes lanes again/);
  await waitFor("the lane in the kernel", async () => (await elements(w, "ends6")).length === 2);
  await ping.goesOn();
  inWindow(await ping.stop());
  assert.equal((await waitForRung(w.host("six"), "n-seven", "lane")).path.since, since);
});

world("an idle lane ends, and the host goes on forwarding for others when the gate is gone", async (w) => {
  await waitFor("the lane's end", async () => (await elements(w, "active")).length === 0);
  await waitForRung(w.host("six"), "n-seven", "quic");
  assert.equal((await w.gate.stop("SIGTERM")).code, 0);
  assert.doesNotMatch((await w.host("gate").sh("nft list tables")).stdout, /ghostgate/);
  assert.equal((await w.host("gate").sh("sysctl -n net.ipv4.conf.eth0.forwarding")).stdout.trim(), "1");
  const result = await w.forwarded.stop(500);
  assert.deepEqual(result.lost, [], "packets of the container");
});
