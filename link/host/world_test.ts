/**
 * The tunnel on real devices, in worlds of their own: nothing here touches this machine's network. As an ordinary user the
 * world gets a user namespace too.
 */
import assert from "node:assert/strict";
import { WIREGUARD_GO } from "./wg_device.ts";

const SCENARIOS = new URL("./testdata/scenarios.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

async function inWorld(name: string, programs: readonly string[] = []): Promise<void> {
  const flags = Deno.uid() === 0 ? "-nmpf" : "-Urnmpf";
  const { code, stdout, stderr } = await new Deno.Command("/usr/bin/unshare", {
    args: [
      flags,
      "--kill-child",
      "--mount-proc",
      Deno.execPath(),
      ...["run", "--no-prompt", "--cached-only", "-A", "--config", CONFIG, SCENARIOS, name, ...programs],
    ],
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${text.decode(stdout)}${text.decode(stderr)}`);
}

/** The distribution's wireguard-go and newer builds behave differently, so both are tried where both are. */
async function everyWireguardGo(): Promise<string[]> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const newest = [WIREGUARD_GO[0]!, `${cache}/ghostmesh/bin/wireguard-go`];
  const first = async (programs: readonly string[]) => {
    for (const p of programs) if (await Deno.stat(p).then((i) => i.isFile, () => false)) return [p];
    return [];
  };
  return [...await first(newest), ...await first(WIREGUARD_GO.slice(1))];
}

const TITLES: Record<string, string> = {
  tunnel: "a tunnel carries traffic, needs no second apply, and leaves nothing behind",
  restart: "wireguard-go that dies comes back",
  leftovers: "a crashed daemon's device is replaced, other people's are refused",
  refusals: "what is missing is told in one line",
  tableOnly: "the nftables table is replaced whole or not at all",
  stunSharing: "STUN and WireGuard share a port behind a host firewall",
  portShared: "whether the table is in force is seen without asking nftables",
  forwarding: "a carried prefix is reached, forwarding is put back",
  routesOfOthers: "routes of others stay and win",
  newPeer: "a new peer's routes are there before WireGuard knows it",
  lastResort: "routes of last resort outlive device and session, and a refused start leaves none",
  glance: "a run that was told that nothing has changed reads no routes, and trusts nothing that failed",
  monitor: "changes of the network are told, our own are not",
};
for (const [name, title] of Object.entries(TITLES)) Deno.test(`link host: ${title}`, () => inWorld(name));

const CHANGES: Record<string, string> = {
  bridge4: "a climb from the relay to an IPv4 pair loses nothing and does not fall back",
  bridge6: "a climb from the relay to an IPv6 pair loses nothing and does not fall back",
  rotation: "a key rotation loses nothing",
};
for (const [name, title] of Object.entries(CHANGES)) {
  Deno.test(`link host: ${title}`, async (t) => {
    for (const program of await everyWireguardGo()) await t.step(program, () => inWorld(name, [program]));
  });
}
