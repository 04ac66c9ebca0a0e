/** The daemon's own machine (../machine.ts) on a real device: in which order it brings it in line. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { Machine } from "../machine.ts";
import type { Wanted, WantedPeer } from "../wanted.ts";
import { makeWorld, peerOf, WG_PORT } from "./world.ts";

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
  const machine = await Machine.open({
    iface: a.iface,
    owner: "a",
    prefix6: "fd00:64::/48",
    port: WG_PORT,
    mtu: 1280,
    firewall: "nft",
    onChange: null,
    stunPort: 51821,
    stateDir: await Deno.makeTempDir({ dir: "/run" }),
    runner,
    tools,
    log: createLog("a", { level: "error" }),
    onDeviceRestart: () => {},
    onRouteHealth: () => {},
  });
  const { publicKey, endpoint } = peerOf(b, 2, { address: "10.0.0.2", port: WG_PORT });
  const peer: WantedPeer = {
    id: "b",
    wg: publicKey,
    addresses: [peer4, peer6],
    endpoint: endpoint!,
    up: true,
    bridge: null,
    join: null,
  };
  const wanted = (peers: WantedPeer[]): Wanted => ({
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
  });
  await machine.apply(wanted([]));
  assert.deepEqual(there, []);
  await machine.apply(wanted([peer]));
  assert.deepEqual(there, [[peer4, peer6]]);
  await machine.close({ lastResort: "go" });
}
