/** The daemon's own machine (../machine.ts) on a real device: in which order it brings it in line. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { Machine } from "../machine.ts";
import type { Wanted, WantedPeer } from "../wanted.ts";
import { type Machine as LabMachine, makeWorld, peerOf, WG_PORT } from "./world.ts";

/** A peer becomes WireGuard's only when its routes are there: an answer to its first packet would leave in clear. */
export async function newPeer(): Promise<void> {
  const { a, b, tools } = await makeWorld();
  const [peer4, peer6] = ["100.64.0.2", "fd00:64::2"];
  /** Which of the peer's own routes were there at each call that made it known to WireGuard. */
  const there: string[][] = [];
  const routes = async () => {
    const found = [];
    for (const address of [peer4, peer6]) {
      const family = address.includes(":") ? "-6" : "-4";
      const { stdout } = await a.runner.run(tools.ip, [family, "route", "show", "exact", address, "dev", a.iface]);
      if (stdout.includes(address)) found.push(address);
    }
    return found;
  };
  const runner: Runner = {
    spawn: a.runner.spawn,
    run: async (cmd, args, options) => {
      if (cmd === tools.wg && args[0] === "set" && args.includes("peer")) {
        there.push(await routes());
      }
      return await a.runner.run(cmd, args, options);
    },
  };
  const machine = await opened(a, runner);
  const peer = wantedPeer(b, [peer4, peer6]);
  const wanted = (peers: WantedPeer[]) => wantedOf(a, peers);
  await machine.apply(wanted([]));
  assert.deepEqual(there, []);
  await machine.apply(wanted([peer]));
  assert.deepEqual(there, [[peer4, peer6]]);
  await machine.close({ lastResort: "go" });
}

/**
 * A run that was told that nothing has changed asks WireGuard and nftables alone, whatever became of routes; it takes nothing on trust
 * that is wanted otherwise by now, or that the run before could not do.
 */
export async function glance(): Promise<void> {
  const { a, b, tools } = await makeWorld();
  let asked: string[] = [];
  let refuse = false;
  const runner: Runner = {
    spawn: a.runner.spawn,
    run: async (cmd, args, options) => {
      asked.push(`${cmd.split("/").at(-1)} ${args.join(" ")}`);
      if (refuse && args.includes("-batch")) return { code: 1, stdout: "", stderr: "Command failed -:1" };
      return await a.runner.run(cmd, args, options);
    },
  };
  const machine = await opened(a, runner);
  const bridge = { relayPort: 4000, remote: { address: "10.0.0.2", port: WG_PORT }, local: null, late: null };
  const peer = { ...wantedPeer(b, ["100.64.0.2"]), bridge };
  const run = async (o: { peers?: WantedPeer[]; glance: boolean }) => {
    machine.doubtTable();
    asked = [];
    await machine.apply(wantedOf(a, o.peers ?? [peer]), { glance: o.glance });
    return asked.map((line) => line.split(" ")[0]);
  };
  const routes = async () => await a.run(tools.ip, "-4", "route", "show", "dev", a.iface);
  const drop = () => a.run(tools.ip, "route", "del", "100.64.0.2", "dev", a.iface);

  await run({ glance: true });
  assert.match(await routes(), /100\.64\.0\.2/, "there was no run before that could be trusted");
  assert.deepEqual(await run({ glance: true }), ["wg", "nft"]);
  await drop();
  assert.deepEqual(await run({ glance: true }), ["wg", "nft"]);
  assert.doesNotMatch(await routes(), /100\.64\.0\.2/);
  await run({ glance: false });
  assert.match(await routes(), /100\.64\.0\.2/);

  await drop();
  await run({ peers: [{ ...peer, addresses: ["100.64.0.2", "100.64.0.3"] }], glance: true });
  assert.match(await routes(), /100\.64\.0\.2[^]*100\.64\.0\.3/, "what is wanted is another");

  await drop();
  refuse = true;
  await assert.rejects(run({ glance: false }));
  refuse = false;
  await run({ glance: true });
  assert.match(await routes(), /100\.64\.0\.2/, "the run before had failed");
  await machine.close({ lastResort: "go" });
}

/** Routes of last resort stand before the device, stay beside it, outlive it and go at last; a refused start leaves none. */
export async function lastResort(): Promise<void> {
  const { a, tools } = await makeWorld();
  const stateDir = await Deno.makeTempDir({ dir: "/run" });
  const [gone, whole] = ["100.64.0.9", "fd00:64::9"];
  const routes = async () => {
    const shown = ["-4", "-6"].map((family) => a.run(tools.ip, family, "route", "show", "proto", "207"));
    return (await Promise.all(shown)).join("").split("\n").filter(Boolean);
  };
  /** Whether each leaves by the default route. */
  const leaves = async () => [(await a.ip.routeTo(gone)) !== null, (await a.ip.routeTo(whole)) !== null];
  await a.run(tools.ip, "route", "add", "default", "via", "10.0.0.2");
  await a.run(tools.ip, "-6", "route", "add", "default", "via", "fd00:a::2");
  assert.deepEqual(await leaves(), [true, true]);

  await a.run(tools.ip, "link", "add", a.iface, "type", "veth", "peer", "name", "far0");
  await assert.rejects(opened(a, a.runner, stateDir), { code: "port_in_use" });
  assert.deepEqual(await routes(), []);
  await a.run(tools.ip, "link", "del", a.iface);

  const machine = await opened(a, a.runner, stateDir);
  assert.deepEqual(await leaves(), [true, false]);
  await machine.apply({ ...wantedOf(a, []), known: [gone] });
  await machine.apply(wantedOf(a, []));
  assert.deepEqual(await leaves(), [false, false]);
  const bridge = [{ prefix: "100.64.0.8/29", iface: "eth0" }];
  await machine.apply({ ...wantedOf(a, []), foreign: bridge });
  assert.deepEqual(await leaves(), [true, false]);
  await machine.apply(wantedOf(a, []));
  await machine.close({ lastResort: "stay" });
  assert.deepEqual(await leaves(), [false, false]);
  assert.ok((await routes()).every((line) => line.startsWith("unreachable ")));
  await (await opened(a, a.runner, stateDir)).close({ lastResort: "go" });
  assert.deepEqual(await routes(), []);
}

async function opened(a: LabMachine, runner: Runner, stateDir?: string): Promise<Machine> {
  return await Machine.open({
    iface: a.iface,
    owner: "a",
    prefix6: "fd00:64::/48",
    port: WG_PORT,
    mtu: 1280,
    firewall: "nft",
    onChange: null,
    stunPort: 51821,
    stateDir: stateDir ?? await Deno.makeTempDir({ dir: "/run" }),
    runner,
    tools: a.tools,
    log: createLog("a", { level: "error" }),
    onDeviceRestart: () => {},
    onRouteHealth: () => {},
  });
}

function wantedPeer(machine: LabMachine, addresses: string[]): WantedPeer {
  const { publicKey, endpoint } = peerOf(machine, 2, { address: "10.0.0.2", port: WG_PORT });
  return { id: "b", wg: publicKey, addresses, endpoint: endpoint!, up: true, bridge: null, join: null };
}

function wantedOf(a: LabMachine, peers: WantedPeer[]): Wanted {
  return {
    publicKey: a.key.public,
    privateKey: () => a.key.private,
    addresses: ["100.64.0.1", "fd00:64::1"],
    resolver: null,
    peers,
    known: [],
    foreign: [],
    retiring: [],
    filter: null,
    policy: null,
    routes: { mine: [], theirs: [] },
    coordinator: [],
    outside: [],
    exit: null,
    past: { overlay: ["100.64.0.0/10", "fd00:64::/48"], services: [] },
  };
}
