/** Carried prefixes, and what the rest of the machine must not notice. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import { systemRunner } from "../../../mesh/host/runner.ts";
import { Forwarding } from "../../../mesh/host/forwarding.ts";
import { startIpMonitor } from "../ip_monitor.ts";
import { ROUTE_PROTOCOL } from "../../core/plan/mod.ts";
import { runTool } from "../tools.ts";
import { connected, DIRECT_A, DIRECT_B, NO_PARTS } from "./scenarios_tunnel.ts";
import { eventually, Machine, makeWorld, peerOf } from "./world.ts";

const LAN4 = "192.168.50.0/24", LAN6 = "fd00:50::/64";

/** b carries a LAN for a, with SNAT: c there knows no way back. Forwarding is on for just that, and back to what it was. */
export async function forwarding(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  const c = await addLan(b);
  const read = async (m: Machine, key: string) => (await m.run(m.tools.sysctl, "-n", key)).trim();
  const per4 = "net/ipv4/conf/eth1/forwarding", per6 = "net/ipv6/conf/eth1/force_forwarding";
  const file = `${await Deno.makeTempDir({ dir: "/run" })}/forwarding.json`;
  const make = () => new Forwarding({ runner: b.runner, tools: b.tools, iface: b.iface, file });
  const lan = [{ iface: "eth1", family: 4 }, { iface: "eth1", family: 6 }] as const;

  const peerB = peerOf(b, 2, DIRECT_B);
  await a.apply(a.desired(1, [{ ...peerB, allowedIps: [...peerB.allowedIps, LAN4, LAN6] }], NO_PARTS));
  const first = make();
  await first.recover();
  const guards = await first.set(lan);
  assert.ok(guards.some((g) => g.iface === "eth1" && g.family === 4));
  const carried = [{ prefix: LAN4, snat: true }, { prefix: LAN6, snat: true }];
  const table = { ...NO_PARTS, carried, guards };
  await b.apply(b.desired(2, [peerOf(a, 1, DIRECT_A)], table));
  for (const address of ["192.168.50.9", "fd00:50::9"]) {
    // Who has the address is asked first, by the one packet that waits for it.
    await eventually(
      `the way to ${address}`,
      async () => / 1 received/.test(await a.ping(address, { count: 1, interval: 1 })),
    );
    assert.equal(await a.ping(address, { count: 10, interval: 0.01 }), "10 packets transmitted, 10 received");
  }
  assert.deepEqual(await first.set(lan), guards); // a second time changes nothing

  // TCP towards the LAN learns the tunnel's size.
  const server = c.runner.spawn("/usr/bin/iperf3", ["-s", "-1"]);
  await eventually("iperf3 listens", async () => (await c.run("/usr/bin/ss", "-ltn")).includes(":5201"));
  const report = await a.run("/usr/bin/iperf3", "-c", "192.168.50.9", "-n", "2M", "-R", "-J");
  assert.ok(JSON.parse(report).end.sum_received.bytes >= 2_000_000);
  assert.ok(JSON.parse(report).start.tcp_mss_default <= 1240);
  await server.status;

  // Only for the tunnel's sake: c cannot use b as a router to the network between a and b.
  await c.run(c.tools.ip, "route", "add", "10.0.0.0/24", "via", "192.168.50.1");
  await a.run(a.tools.ip, "route", "add", "192.168.50.9", "via", "10.0.0.2", "metric", "1");
  assert.match(await c.ping("10.0.0.1", { count: 3, interval: 0.01 }), /3 packets transmitted, 0 received/);

  // A crash: the next start finds what was changed and puts it back.
  assert.equal(await read(b, per4), "1");
  const second = make();
  await second.recover();
  assert.equal(await read(b, per4), "0");
  await assert.rejects(Deno.stat(file));
  await second.set([lan[0]]);
  assert.equal(await read(b, per4), "1");
  await second.restore();
  assert.equal(await read(b, per4), "0");
  if ((await b.runner.run(b.tools.sysctl, ["-n", per6])).code === 0) assert.equal(await read(b, per6), "0");
  assert.equal(await read(b, "net/ipv6/conf/all/forwarding"), "0");

  // Forwarding that was on before stays on, and is not guarded.
  await b.run(b.tools.sysctl, "-qw", `${per4}=1`);
  assert.deepEqual(await second.set([lan[0]]), []);
  await second.restore();
  assert.equal(await read(b, per4), "1");
  await a.close();
  await b.close();
}

/** c at 192.168.50.9 and fd00:50::9 behind b's eth1. */
async function addLan(b: Machine): Promise<Machine> {
  const c = new Machine("c", b.tools, b.key);
  const ip = (line: string) => runTool(systemRunner, [b.tools.ip, ...line.split(" ")]);
  await ip("netns add c");
  await ip("link add eth1 netns b type veth peer name eth0 netns c");
  for (const [ns, dev, n] of [["b", "eth1", 1], ["c", "eth0", 9]] as const) {
    await ip(`-n ${ns} addr add 192.168.50.${n}/24 dev ${dev}`);
    await ip(`-n ${ns} addr add fd00:50::${n}/64 dev ${dev} nodad`);
    await ip(`-n ${ns} link set ${dev} up`);
  }
  await ip("-n c link set lo up");
  return c;
}

/** A route of the same prefix that somebody else made stays and wins; ours goes beside it and is removed alone. */
export async function routesOfOthers(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  await a.run(a.tools.ip, "route", "add", "10.1.1.0/24", "via", "10.0.0.2");
  const peer = peerOf(b, 2, DIRECT_B);
  const wide = a.desired(1, [{ ...peer, allowedIps: [...peer.allowedIps, "10.1.1.0/24"] }], NO_PARTS);
  const { ip } = await a.apply(wide);
  assert.deepEqual(ip, [{ type: "route-add", prefix: "10.1.1.0/24", source: null }]);
  assert.equal((await a.ip.routeTo("10.1.1.5"))?.iface, "eth0");
  assert.equal((await a.ip.routeTo("100.64.0.2"))?.iface, a.iface);
  assert.equal((await a.ip.routeTo("100.64.0.2"))?.source, "100.64.0.1");
  assert.equal(await a.ip.routeTo("198.51.100.1"), null);
  const withSource = {
    ...wide,
    routes: wide.routes.map((r) => r.prefix.includes(":") ? r : { ...r, source: "100.64.0.1" }),
  };
  await a.apply(withSource);
  assert.deepEqual((await a.apply(withSource)).ip, []);
  await a.apply(a.desired(1, [peer], NO_PARTS));
  assert.match(
    await a.run(a.tools.ip, "route", "show", "10.1.1.0/24"),
    /^10\.1\.1\.0\/24 via 10\.0\.0\.2 dev eth0 *\n$/,
  );
  assert.equal((await a.run(a.tools.ip, "route", "show", "proto", `${ROUTE_PROTOCOL}`)).trim().split("\n").length, 1);
  const hosts = (await a.ip.hostAddresses()).map((h) => h.address).sort();
  assert.deepEqual(hosts, ["10.0.0.1", "fd00:a::1"]);
  await a.close();
  await b.close();
}

/** Changes of the machine's network are told, a burst once; the tunnel's own are not. */
export async function monitor(): Promise<void> {
  const { a } = await makeWorld();
  let changes = 0;
  const running = startIpMonitor({
    runner: a.runner,
    tools: a.tools,
    iface: a.iface,
    log: createLog("a", { level: "error" }),
    onChange: () => void changes++,
    onTouched: () => {},
  });
  const quiet = async () => {
    for (let before = -1; before !== changes;) {
      before = changes;
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    return changes;
  };
  // It may start a moment later than we: change until it is heard.
  await eventually("a change is told", async () => {
    await a.run(a.tools.ip, "addr", "add", "10.5.0.1/24", "dev", "eth0");
    await a.run(a.tools.ip, "addr", "del", "10.5.0.1/24", "dev", "eth0");
    await new Promise((resolve) => setTimeout(resolve, 300));
    return changes > 0;
  });
  // The end of duplicate address detection is a change as well.
  await eventually(
    "addresses are settled",
    async () => await a.run(a.tools.ip, "addr", "show", "dev", "eth0", "tentative") === "",
  );
  const before = await quiet();
  await a.run(a.tools.ip, "link", "add", a.iface, "type", "veth", "peer", "name", `${a.iface}x`, "netns", "b");
  await a.run(a.tools.ip, "addr", "add", "100.64.0.1/32", "dev", a.iface);
  await a.run(a.tools.ip, "link", "set", a.iface, "up");
  assert.equal(await quiet(), before);
  Deno.kill(a.pids[0]!, "SIGKILL");
  await eventually("its end counts as a change", () => Promise.resolve(changes > before));
  await running.stop();
}
