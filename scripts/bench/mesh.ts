/** The world of the benches: a mesh in which each of alice's peers is reached over another rung. */
import type { Rung } from "../../mesh/wire/local.ts";
import { type WireguardKind, wireguardKind } from "../lab/bare.ts";
import type { Host, Lab } from "../lab/lab.ts";
import { admit, GATE_TOML, ipv4Of, peers, startGate, startNetwork, status, waitForRung } from "../lab/programs.ts";
import { type Process, waitFor } from "../lab/process.ts";
import { addBehindNat, blockLanes, blockUdp, buildHomes, ROUTER_A } from "../lab/topology.ts";
import { Failure } from "../lib/run.ts";

/** bob's address in the bare tunnel. */
export const BARE = "172.31.255.2";
/** A gate that forwards lanes by itself. */
export const GATE_IN_PROCESS: string = `${GATE_TOML}lanes_kernel = false\n`;

/** What runs. */
export interface BenchMesh {
  alice: Host;
  gateHost: Host;
  gate: Process;
  kind: WireguardKind;
  mtu: number;
  /** Whom to measure each rung to: bare, direct, lane, quic. */
  addresses: ReadonlyMap<string, string>;
}

/** Builds it; bob, dave and erin run `iperf3 -s`. @param config of the gate */
export async function benchMesh(lab: Lab, config: string = GATE_TOML): Promise<BenchMesh> {
  const kind = await wireguardKind();
  await buildHomes(lab);
  const behind = (name: string, router: string, last: number) =>
    addBehindNat(lab, name, { router, address: `203.0.113.${last}`, lan: `10.9.${last - 1}`, nat: "eim_apdf" });
  const [dave, erin] = [await behind("dave", "nd", 4), await behind("erin", "ne", 5)];
  for (const router of ["nd", "ne"]) await blockUdp(lab.host(router), ROUTER_A);
  await blockLanes(lab.host("ne"));
  const [alice, bob, gateHost] = [lab.host("alice"), lab.host("bob"), lab.host("gate")];
  const { gate } = await startNetwork(lab, alice, { gate: config });
  await admit(alice, [alice, bob, dave, erin]);
  await waitFor("alice's session with the gate", async () => (await status(alice)).gates[0]?.connected);
  await waitForRung(alice, "bob", "direct");
  await waitForRung(alice, "erin", "quic");
  const found = await peers(alice);
  const address = (name: string) => ipv4Of(found.find((peer) => peer.name === name)!.addresses);
  await laneTo(alice, dave, address("dave"));
  for (const host of [bob, dave, erin]) host.spawn("iperf3", ["iperf3", "-s"]);
  const { interface: iface } = (await status(alice)).self;
  const mtu = Number(/ mtu (\d+)/.exec((await alice.run(["ip", "link", "show", iface])).stdout)?.[1]);
  const addresses = new Map([
    ["bare", BARE],
    ["direct", address("bob")],
    ["lane", address("dave")],
    ["quic", address("erin")],
  ]);
  return { alice, gateHost, gate, kind, mtu, addresses };
}

/** Waits for a lane, which comes under data only. */
export async function laneTo(from: Host, to: Host, address: string): Promise<void> {
  const ping = from.spawn("ping", ["ping", "-q", "-i", "0.2", address]);
  await waitForRung(from, to.name, "lane", 60_000);
  await waitForRung(to, from.name, "lane", 60_000);
  await ping.stop("SIGINT", 3_000);
}

/** Restarts the gate with another configuration. */
export async function gateAnew(mesh: BenchMesh, config: string): Promise<void> {
  await mesh.gate.stop();
  mesh.gate = await startGate(mesh.gateHost, { config });
  const { alice } = mesh;
  await waitFor(
    "the end of the lane through the old gate",
    async () => (await peers(alice)).every(({ path }) => path.rung !== "lane"),
  );
  await waitFor("alice's session with the new gate", async () => (await status(alice)).gates[0]?.connected);
}

/** @throws Failure when a path is not what was to be measured: another rung, or one that leads through another tunnel */
export async function checkRungs(
  alice: Host,
  expected: readonly { name: string; rung: Rung; endpoint?: RegExp }[],
): Promise<void> {
  const now = await peers(alice);
  for (const { name, rung, endpoint = /^/ } of expected) {
    const path = now.find((peer) => peer.name === name)?.path;
    if (path && path.rung === rung && endpoint.test(path.endpoint ?? "")) continue;
    throw new Failure(`alice -> ${name} is ${path?.rung} ${path?.endpoint} after the rounds, expected ${rung}`);
  }
}
