/**
 * Tailscale's three kinds of paths for `bench paths`: ta reaches tb directly, td through the peer relay, te over DERP. They are machines
 * of their own, behind routers of the same kind as ours, because two overlays on one machine would find paths through each other and
 * share a range of addresses.
 */
import type { Host, Lab } from "../lab/lab.ts";
import { waitFor } from "../lab/process.ts";
import { addBehindNat, blockLanes, blockUdp } from "../lab/topology.ts";
import { Failure } from "../lib/run.ts";
import type { Tailnet, TailscaleKind, TailscaleNode } from "./tailscale.ts";

/** The rows, and who is at the other end. */
const PEERS = [
  { row: "ts-direct", name: "tb", last: 52, kind: "direct" },
  { row: "ts-relay", name: "td", last: 53, kind: "relay" },
  { row: "ts-derp", name: "te", last: 54, kind: "derp" },
] as const;
/** The last byte of ta's router's address. */
const FIRST = 51;
const publicAddress = (last: number) => `203.0.113.${last}`;

/** What is to be measured. */
export interface TailscalePaths {
  from: Host;
  /** The other end of each row; runs `iperf3 -s`. */
  addresses: ReadonlyMap<string, string>;
  /** @throws Failure when a path is of another kind than its row says, at either end, or leads elsewhere */
  check(): Promise<void>;
}

/** A path's other end. */
interface End {
  peer: TailscaleNode;
  kind: TailscaleKind;
  /** What the path's endpoint begins with. */
  at: string;
}

/** Builds the machines and waits until each path is what it is to be. */
export async function tailscalePaths(tailnet: Tailnet, lab: Lab): Promise<TailscalePaths> {
  const behind = (name: string, last: number) =>
    addBehindNat(lab, name, {
      router: `n${name}`,
      address: publicAddress(last),
      lan: `10.9.${last}`,
      nat: "eim_apdf",
    });
  await tailnet.anew();
  const relay = await tailnet.addRelay();
  const ta = await tailnet.join(await behind("ta", FIRST));
  const addresses = new Map<string, string>();
  const ends: End[] = [];
  for (const { row, name, last, kind } of PEERS) {
    const host = await behind(name, last);
    const router = lab.host(`n${name}`);
    if (kind !== "direct") await blockUdp(router, publicAddress(FIRST));
    if (kind === "derp") await blockLanes(router);
    const peer = await tailnet.join(host);
    host.spawn("iperf3", ["iperf3", "-s"]);
    const at = { direct: `${publicAddress(last)}:`, relay, derp: "" }[kind];
    const end = { peer, kind, at };
    addresses.set(row, await reached(ta, end));
    ends.push(end);
  }
  const check = async () => {
    // Of a path that is idle for some seconds nothing is said, and a new one would take longer.
    for (const end of ends) await reached(ta, end, 10_000);
  };
  return { from: ta.host, addresses, check };
}

/** Sends until both ends have the path, and gives the peer's address. */
async function reached(from: TailscaleNode, end: End, timeout = 60_000): Promise<string> {
  const { host } = end.peer;
  const { address } = await waitFor(`${from.host.name} to know ${host.name}`, () => from.peer(host.name));
  const ping = from.host.spawn("ping", ["ping", "-q", "-i", "0.2", address]);
  await waitFor(`Tailscale's "${end.kind}" to ${host.name}`, async () => {
    const why = await otherwise(from, end);
    if (why) throw new Failure(why);
    return true;
  }, { timeout, every: 200 });
  await ping.stop("SIGINT", 3_000);
  return address;
}

/** In what the path is not what it is to be, if so. */
async function otherwise(from: TailscaleNode, { peer, kind, at }: End): Promise<string | undefined> {
  const there = await from.peer(peer.host.name);
  const back = await peer.peer(from.host.name);
  if (there?.kind === kind && back?.kind === kind && there.endpoint.startsWith(at)) return undefined;
  return `Tailscale ${from.host.name} -> ${peer.host.name} is ${there?.kind} ${there?.endpoint}, back ${back?.kind}, expected ${kind}`;
}
