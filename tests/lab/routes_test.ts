/**
 * Networks behind machines: announced and approved, two routers for one, and hosts that must stay outside of the tunnel.
 *
 *     alice -- na -- inet -- carol --+-- switch -- printer (10.1.1.0/24)
 *                     \----- dave ---+
 */
import assert from "node:assert/strict";
import { Ping } from "../../scripts/lab/ping.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { LocalPath } from "../../mesh/wire/local_look.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { admit, peers, runLink, startNetwork, status, waitForRung } from "../../scripts/lab/programs.ts";
import {
  addBehindNat,
  addPublic,
  addServers,
  CAROL,
  COORDINATOR,
  GATE,
  OFFICE,
  PRINTER,
  ROUTER_A,
} from "../../scripts/lab/topology.ts";
import { connected, fixture, reaches } from "./support.ts";

const DAVE = "203.0.113.31";
/** All of the internet here, and a part of it: gate and dave, not the coordinator. */
const PUBLIC = "203.0.113.0/24";
const HALF = "203.0.113.16/28";
/** Alice's router, and not alice. */
const GATEWAY = "10.9.1.0/31";
const ACLS = `[[allow]]
from = ["*"]
to = ["*", "${OFFICE}", "${PUBLIC}", "${HALF}", "${GATEWAY}"]
`;

interface Row {
  prefix: string;
  via: string;
  active: boolean;
  reason: string | null;
}

const test = fixture(async () => {
  const lab = new Lab();
  await addServers(lab);
  await addPublic(lab, "carol", CAROL);
  await addPublic(lab, "dave", DAVE);
  await addBehindNat(lab, "alice", { router: "na", address: ROUTER_A, lan: "10.9.1", nat: "eim_apdf" });
  const lan = await lab.addHost("switch");
  const printer = await lab.addHost("printer");
  await lan.sh("ip link add br0 type bridge; ip link set br0 up");
  const plugs = [["carol", "lan1", "10.1.1.1"], ["dave", "lan1", "10.1.1.3"], ["printer", "eth0", PRINTER]] as const;
  for (const [name, iface, address] of plugs) {
    await lab.connect(lab.host(name), iface, lan, `to-${name}`);
    await lan.run(["ip", "link", "set", `to-${name}`, "master", "br0"]);
    await lab.host(name).run(["ip", "address", "add", `${address}/24`, "dev", iface]);
  }
  const host = (name: string) => lab.host(name);
  await startNetwork(lab, host("alice"), { acls: ACLS });
  await admit(host("alice"), ["alice", "carol", "dave"].map(host));
  for (const peer of ["carol", "dave"]) await waitForRung(host("alice"), peer, "direct");
  const routes = async () => (await host("alice").ctlJson<{ routes: Row[] }>(["route", "list"])).routes;
  /** Waits until `via` is who carries the prefix for alice. */
  const carried = (prefix: string, via: string | null) =>
    waitFor(`${prefix} by ${via}`, async () => {
      const active = (await routes()).find((r) => r.prefix === prefix && r.active);
      return (active?.via ?? null) === via;
    });
  return { lab, host, routes, carried, printer };
});

test("a machine announces a route, and it counts when an admin has approved it", async ({ host, routes, carried }) => {
  const alice = host("alice");
  const early = await alice.ctl(["route", "approve", OFFICE, "via", "carol"], { codes: "any" });
  assert.equal(early.code, 1);
  assert.match(early.stderr, /carol does not announce 10\.1\.1\.0\/24.*ghostctl route advertise/s);
  assert.match((await host("carol").ctl(["route", "advertise", OFFICE])).stdout, /announces 10\.1\.1\.0\/24/);
  await waitFor("the announcement", async () => (await routes()).some((r) => /not approved/.test(r.reason ?? "")));
  const ping = ["ping", "-c", "1", "-W", "1", PRINTER];
  assert.notEqual((await alice.run(ping, { codes: "any" })).code, 0);
  await alice.ctl(["route", "approve", OFFICE, "via", "carol"]);
  await carried(OFFICE, "carol");
  await waitFor("the printer", async () => (await alice.run(ping, { codes: "any" })).code === 0);
  await host("carol").ctl(["route", "advertise", OFFICE, "--withdraw"]);
});

test("of two routers the second takes over when the first dies, and what cannot move is reset", async (net) => {
  const { host, carried, printer } = net;
  const [alice, carol] = [host("alice"), host("carol")];
  await alice.ctl(["route", "add", OFFICE, "via", "dave", "--metric", "200"]);
  await waitFor(
    "dave to stand by",
    async () => (await net.routes()).some((r) => r.via === "dave" && /better metric/.test(r.reason ?? "")),
  );
  // Both answer pings by now, or none would be missed.
  const watched = async () =>
    (await alice.run(["ps", "ax", "-o", "args"])).stdout.match(/ping -n -O -i/g)?.length === 2;
  await waitFor("both routers to be watched", watched);
  printer.spawn("iperf3", ["iperf3", "-s"]);
  await waitFor("iperf3", async () => (await printer.run(["ss", "-ltn"])).stdout.includes(":5201"));
  const flow = alice.spawn("iperf3", ["iperf3", "-c", PRINTER, "-t", "120", "-b", "1M", "--forceflush"]);
  await flow.line(/sec .*bits\/sec/);
  const ping = new Ping(alice, PRINTER, 100);
  await ping.first();
  await carol.run(["ip", "link", "set", "eth0", "down"]);
  await carried(OFFICE, "dave");
  const { lost } = await ping.stop(1000);
  const ways = (await peers(alice)).map(({ path }) => path.endpoint ?? path.rung);
  assert.ok(ways.every((way) => !way.startsWith("10.1.1.")), `one carrier's path leads through the other: ${ways}`);
  assert.ok(lost.length > 0 && lost.length < 30, `${lost.length} pings lost, ten a second`);
  assert.notEqual((await flow.ended).code, 0);
  assert.match(flow.text, /reset by peer/i);
  await carol.sh("ip link set eth0 up");
  await carried(OFFICE, "carol");
  await alice.ctl(["route", "remove", OFFICE, "via", "dave"]);
  await waitFor(
    "no router to be watched",
    async () => !(await alice.run(["ps", "ax", "-o", "args"])).stdout.includes("ping -n -O"),
  );
});

test("an address that only a carrier's tunnel leads to is no candidate for a direct path", async ({ host, carried }) => {
  const [alice, dave] = [host("alice"), host("dave")];
  await carried(OFFICE, "carol");
  // Dave is on carol's LAN as well, and names his address there to whom he offers a path anew.
  await dave.processes.findLast((p) => p.name.includes("ghostlink"))!.stop();
  await runLink(dave).line(/ is up: /);
  await waitForRung(alice, "dave", "direct");
  const { candidates, pairs } = await alice.ctlJson<LocalPath>(["debug", "path", "dave"]);
  const onLan = (list: readonly unknown[]) => list.filter((one) => JSON.stringify(one).includes('"10.1.1.'));
  assert.ok(onLan(candidates.remote).length > 0, JSON.stringify(candidates));
  assert.ok(pairs.length > 0);
  assert.deepEqual(onLan(pairs), []);
});

test("gate and the carrier itself stay reachable outside of a route that covers them", async (net) => {
  const { host, carried } = net;
  const alice = host("alice");
  const { interface: iface } = (await status(alice)).self;
  const wayTo = async (address: string) => (await alice.run(["ip", "route", "get", address])).stdout;
  await alice.ctl(["route", "add", HALF, "via", "dave"]);
  await carried(HALF, "dave");
  for (const address of [GATE, COORDINATOR, DAVE]) {
    await waitFor(`the way to ${address}`, async () => / dev eth0 /.test(await wayTo(address)));
  }
  assert.match(await wayTo("203.0.113.29"), new RegExp(` dev ${iface} `));
  await connected(alice);
  await reaches(alice, PRINTER); // carol's path may still be another one than before the test above
  await alice.ctl(["route", "remove", HALF, "via", "dave"]);
  await carried(HALF, null);
  await waitFor(
    "no route past the tunnel",
    async () => !/ dev eth0/.test((await alice.run(["ip", "route", "show", "proto", "207"])).stdout),
  );
});

test("a route that covers the coordinator or this machine's own gateway is not used, and the reason is told", async (net) => {
  const { host } = net;
  const alice = host("alice");
  const daemon = alice.processes.findLast((p) => p.name.includes("ghostlink"))!;
  const covered = [
    [PUBLIC, `the coordinator is inside the prefix \\(${COORDINATOR}\\)`],
    [GATEWAY, "this machine's own gateway is inside the prefix"],
  ] as const;
  for (const [prefix, why] of covered) {
    await alice.ctl(["route", "add", prefix, "via", "dave"]);
    const row = await waitFor(
      `a word about ${prefix}`,
      async () => (await net.routes()).find((r) => r.prefix === prefix),
    );
    assert.equal(row.active, false);
    assert.match(row.reason ?? "", new RegExp(why));
    await daemon.line(new RegExp(`A route is not used.*${prefix}: ${why}`));
    const { warnings } = await status(alice);
    assert.equal(warnings.filter((w) => w.includes(`the route ${prefix} is not used`)).length, 1);
  }
  const { stdout } = await alice.run(["ip", "route", "show", "proto", "207"]);
  assert.doesNotMatch(stdout, /203\.0\.113\.|10\.9\./);
  await connected(alice);
  const ping = await alice.run(["ping", "-c", "1", "-W", "2", PRINTER]);
  assert.match(ping.stdout, / 1 received/);
  const told = () => daemon.lines.filter((line) => /A route is not used/.test(line.text)).length;
  assert.equal(told(), covered.length);
  for (const [prefix] of covered) await alice.ctl(["route", "remove", prefix, "via", "dave"]);
  await waitFor("no such route", async () => (await net.routes()).every((r) => r.prefix === OFFICE));
});

/** As Docker and its like load it: a port is published, and what is forwarded otherwise is dropped. */
const DOCKER = `table ip filter {
  chain DOCKER-USER { }
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    jump DOCKER-USER
    ct state established,related accept
    oifname "docker0" accept
    iifname "docker0" accept
  }
}
table ip nat {
  chain PREROUTING {
    type nat hook prerouting priority dstnat;
    fib daddr type local tcp dport 8080 dnat to 172.17.0.2:8080
  }
}
`;

test("Docker that comes later is as without us, and is named for what it keeps from passing", async ({ host, lab, printer }) => {
  const [alice, carol] = [host("alice"), host("carol")];
  await reaches(alice, PRINTER);
  const box = await lab.addHost("box");
  await lab.connect(carol, "docker0", box, "eth0");
  await carol.run(["ip", "address", "add", "172.17.0.1/16", "dev", "docker0"]);
  await box.sh("ip address add 172.17.0.2/16 dev eth0; ip route add default via 172.17.0.1");
  box.spawn("web", ["iperf3", "-s", "-p", "8080"]);
  const published = async () =>
    (await printer.run(["timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/10.1.1.1/8080"], { codes: "any" })).code === 0;
  await carol.run(["nft", "-f", "-"], { stdin: DOCKER });
  assert.equal(await published(), false, "carol forwards for the tunnel alone until somebody says otherwise");
  await carol.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  await waitFor("the published port", published);

  const warned = async () =>
    (await status(carol)).warnings.some((w) => /chain FORWARD of .* ip filter.*DOCKER-USER/.test(w));
  await waitFor("a word about the table", warned);
  const ping = ["ping", "-c", "1", "-W", "1", PRINTER];
  assert.notEqual((await alice.run(ping, { codes: "any" })).code, 0, "nobody but its owner opens it");
  // What the warning says, in nft's words.
  await carol.sh(
    "nft add rule ip filter DOCKER-USER iifname ghost0 accept; nft add rule ip filter DOCKER-USER oifname ghost0 accept",
  );
  await reaches(alice, PRINTER);
  await waitFor("nothing more to say", async () => !await warned());
  await carol.sh("nft delete table ip filter; nft delete table ip nat");
});
