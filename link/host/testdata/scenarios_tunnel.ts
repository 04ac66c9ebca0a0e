/** Making, keeping and removing the tunnel. */
import assert from "node:assert/strict";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import type { Bridge, TableParts } from "../../core/plan/mod.ts";
import { checkTools, runTool } from "../tools.ts";
import { WIREGUARD_GO } from "../wg_device.ts";
import { eventually, type Machine, type MachineOptions, makeWorld, peerOf, WG_PORT } from "./world.ts";

export const NO_PARTS: TableParts = {
  wgPort: WG_PORT,
  stunPort: 51821,
  bridges: [],
  joins: [],
  filter: "",
  carried: [],
  guards: [],
};
export const DIRECT_A = { address: "10.0.0.1", port: WG_PORT };
export const DIRECT_B = { address: "10.0.0.2", port: WG_PORT };

/** Both machines with a direct tunnel. */
export async function connected(programs?: readonly string[]): Promise<{ a: Machine; b: Machine }> {
  const { a, b } = await makeWorld();
  const o: MachineOptions = programs ? { programs } : {};
  await Promise.all([a.open(o), b.open(o)]);
  // One end speaks first: two handshakes that cross cost WireGuard five seconds.
  await b.apply(b.desired(2, [{ ...peerOf(a, 1, DIRECT_A), keepalive: 0 }], NO_PARTS));
  await a.apply(a.desired(1, [peerOf(b, 2, DIRECT_B)], NO_PARTS));
  await b.apply(b.desired(2, [peerOf(a, 1, DIRECT_A)], NO_PARTS));
  await eventually("a handshake", async () => (await a.wg.show()).peers[0]?.lastHandshake !== null);
  return { a, b };
}

/** Traffic passes, a second apply has nothing to do, and closing leaves nothing behind but what others made. */
export async function tunnel(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  assert.equal(await a.ping("100.64.0.2", { count: 50, interval: 0.01 }), "50 packets transmitted, 50 received");
  assert.equal(await b.ping("fd00:64::1", { count: 50, interval: 0.01 }), "50 packets transmitted, 50 received");
  const again = await a.apply(a.desired(1, [peerOf(b, 2, DIRECT_B)], NO_PARTS));
  assert.deepEqual(again, { wg: [], ip: [], nft: false });

  await a.run(a.tools.nft, "add", "table", "inet", "somebody_else");
  await a.run(a.tools.ip, "route", "add", "10.77.0.0/16", "via", "10.0.0.2");
  await a.close();
  assert.equal((await a.run(a.tools.nft, "list", "tables")).trim(), "table inet somebody_else");
  const links = await a.run(a.tools.ip, "-br", "link");
  assert.ok(!links.includes(a.iface), links);
  const routes = await a.run(a.tools.ip, "route", "show", "table", "all");
  assert.ok(routes.includes("10.77.0.0/16") && !routes.includes("100.64."), routes);
  await b.close();
}

/** wireguard-go dies: it comes back by itself, says so, and the same plan brings the tunnel back. */
export async function restart(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  assert.equal(a.device.kind, "userspace");
  Deno.kill(a.pids[0]!, "SIGKILL");
  await eventually("a restart", () => Promise.resolve(a.restarts === 1));
  await a.apply(a.desired(1, [peerOf(b, 2, DIRECT_B)], NO_PARTS));
  assert.equal(await a.ping("100.64.0.2", { count: 20, interval: 0.01 }), "20 packets transmitted, 20 received");
  await a.close();
  await b.close();
}

/** A crashed daemon's interface and wireguard-go are replaced; those of others are refused and left alone. */
export async function leftovers(programs: readonly string[] = WIREGUARD_GO): Promise<void> {
  const { a, tools } = await makeWorld();
  const program = await firstOf(programs);
  const old = a.runner.spawn(program, ["-f", a.iface], { env: { LOG_LEVEL: "error" } });
  await eventually(
    "the old device",
    async () => (await a.runner.run(tools.wg, ["show", a.iface, "listen-port"])).code === 0,
  );
  await assert.rejects(a.open({ programs }), { code: "port_in_use", message: /exists and is not ours/ });
  await a.run(tools.ip, "link", "set", "dev", a.iface, "alias", "ghostlink another");
  await assert.rejects(a.open({ programs }), { code: "port_in_use", message: /belongs to another GhostMesh node/ });
  await a.run(tools.ip, "link", "set", "dev", a.iface, "alias", `ghostlink ${a.ns}`);
  await a.run(tools.wg, "set", a.iface, "listen-port", `${WG_PORT}`);
  await a.open({ programs });
  await old.status; // it ended
  assert.deepEqual((await a.wg.show()).peers, []);
  const steps = await a.apply(a.desired(1, [], NO_PARTS)); // takes the old one's port
  assert.ok(steps.wg.length === 1 && steps.ip.length > 0 && steps.nft);
  await a.close();

  // An answering socket without an interface is a tunnel of another namespace; it lives on.
  const foreign = systemRunner.spawn(program, ["-f", a.iface], { env: { LOG_LEVEL: "error" } });
  await eventually(
    "the foreign device",
    async () => (await systemRunner.run(tools.wg, ["show", a.iface, "listen-port"])).code === 0,
  );
  await assert.rejects(a.open({ programs }), { code: "port_in_use", message: /another network namespace/ });
  assert.equal((await systemRunner.run(tools.wg, ["show", a.iface])).code, 0);
  foreign.kill();
  await foreign.status;
}

/** What is missing is named in one line with its mend. */
export async function refusals(programs: readonly string[] = WIREGUARD_GO): Promise<void> {
  const { a, b, tools } = await makeWorld();
  const line = (promise: Promise<unknown>) => promise.then(() => assert.fail("no refusal"), errorLine);

  const weak: Runner = {
    run: (cmd, args, o) =>
      systemRunner.run("/usr/bin/setpriv", ["--bounding-set=-net_admin", "--inh-caps=-net_admin", cmd, ...args], o),
    spawn: () => assert.fail("nothing to spawn"),
  };
  assert.match(
    await line(checkTools(weak)),
    /nft list tables: Not permitted .*; start it as root, or give it CAP_NET_ADMIN/,
  );

  assert.match(
    await line(a.open({ programs: ["/nonexistent/wireguard-go"] })),
    /neither .*apt-get install wireguard-go/i,
  );

  const port = await a.open({ programs }).then(() => a.desired(1, [], null));
  const busy = a.runner.spawn(await firstOf(programs), ["-f", "other0"], { env: { LOG_LEVEL: "error" } });
  await eventually("other0", async () => (await a.runner.run(tools.wg, ["show", "other0", "listen-port"])).code === 0);
  await a.run(tools.wg, "set", "other0", "listen-port", `${WG_PORT}`);
  await a.run(tools.ip, "link", "set", "other0", "up");
  await a.run(tools.ip, "link", "set", a.iface, "up");
  assert.match(await line(a.apply(port)), /UDP port 51820: Another program uses WireGuard's port; stop that program/);
  busy.kill();
  await busy.status;
  await a.close();

  await runTool(systemRunner, ["/usr/bin/mount", "-t", "tmpfs", "none", "/dev/net"]);
  assert.match(await line(b.open({ programs })), /^\/dev\/net\/tun: There is no TUN device; modprobe tun/);
  assert.ok(!(await b.run(tools.ip, "-br", "link")).includes(b.iface));
}

/** The table: a load that fails keeps the old one, a flush is noticed, bridges change without a reload. */
export async function tableOnly(): Promise<void> {
  const { a } = await makeWorld();
  const list = () => a.run(a.tools.nft, "list", "ruleset");
  const filter = "chain policy_input { type filter hook input priority filter; counter; }";
  assert.equal(await a.table.load({ ...NO_PARTS, filter }), true);
  assert.equal(await a.table.load({ ...NO_PARTS, filter }), false);
  const before = await list();
  await assert.rejects(a.table.load({ ...NO_PARTS, filter: "chain broken {" }));
  assert.equal(await list(), before);

  await a.run("/usr/bin/ping", "-c", "3", "-i", "0.01", "-q", "10.0.0.1");
  const bridge = { relayPort: 40001, remote: { address: "10.0.0.2", port: 7 }, local: "10.0.0.1" };
  const six = { relayPort: 40002, remote: { address: "fd00:a::2", port: 8 }, local: "fd00:a::1" };
  const load = (...bridges: Bridge[]) => a.table.load({ ...NO_PARTS, filter, bridges });
  assert.equal(await load(bridge, six), true);
  assert.equal(await load(bridge, six), false);
  const bridged = await list();
  assert.match(bridged, /40001 : 10\.0\.0\.2/);
  assert.match(bridged, /40002 : fd00:a::2/);
  assert.doesNotMatch(bridged, /counter packets 0 /); // a reload would have begun to count anew
  await load(six);
  assert.doesNotMatch(await list(), /40001/);

  assert.equal(await a.table.ensure(), null);
  await a.run(a.tools.nft, "flush", "ruleset");
  assert.equal(await a.table.ensure(), "gone");
  assert.match(await list(), /40002 : fd00:a::2/);
  await a.run(a.tools.nft, "flush", "ruleset");
  assert.equal(await load(bridge), true);
  assert.match(await list(), /policy_input/);
  await a.table.remove();
  await a.table.remove();
  assert.equal(await list(), "");
}

async function firstOf(programs: readonly string[]): Promise<string> {
  for (const program of programs) if (await Deno.stat(program).then(() => true, () => false)) return program;
  throw new Error("No wireguard-go");
}
