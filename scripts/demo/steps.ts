/** The demo's six steps. Each drives the real programs by the commands that people type, and fails with what it saw instead. */
import { type BareEnd, bareTunnel, type WireguardKind } from "../lab/bare.ts";
import type { Lab } from "../lab/lab.ts";
import { lossText, Ping, type PingResult } from "../lab/ping.ts";
import { type Process, waitFor } from "../lab/process.ts";
import {
  ACLS_TOML,
  createToken,
  GATE_TOML,
  initNetwork,
  ipv4Of,
  joinLink,
  MESH_TOML,
  peers,
  setupCode,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "../lab/programs.ts";
import { blockUdp, COORDINATOR, OFFICE, PRINTER, ROUTER_A, ROUTER_B, unblockUdp } from "../lab/topology.ts";
import { fetchFile, serveFile } from "../lab/transfer.ts";
import { Failure } from "../lib/run.ts";
import { median } from "../lib/stats.ts";
import { ms, type Report } from "./report.ts";

const FILE_BYTES = 100_000_000;
/** Rounds of the transfer; the two tunnels take turns and the medians are compared. */
const TRANSFER_ROUNDS = 3;

/** What the steps share. */
export interface Demo {
  lab: Lab;
  report: Report;
  kind: WireguardKind;
  mesh: Process;
  gate: Process;
  alice: Process;
  bob: Process;
  carol: Process;
  /** The join token; bob uses it in the second step. */
  token: string;
}

/** The steps in their order. */
export const STEPS: readonly (readonly [title: string, run: (demo: Demo) => Promise<void>])[] = [
  ["1/6 A network, a gate and its nodes", found],
  ["2/6 bob joins: the first ping goes through the gate, then the path climbs to direct", climb],
  ["3/6 100 MB through the tunnel, beside bare WireGuard", transfer],
  ["4/6 A subnet behind carol", subnet],
  ["5/6 A new WireGuard key under a running ping", rotate],
  ["6/6 Without gate and coordinator", outage],
];

function expectNoLoss(result: PingResult, what: string): void {
  if (result.lost.length > 0) throw new Failure(`${what}: ${lossText(result)}, expected none`);
}

async function found(demo: Demo): Promise<void> {
  const { lab, report } = demo;
  const started = performance.now();
  report.say(`coordinator: ghostmesh --config ghostmesh.toml`);
  demo.mesh = await startMesh(lab.host("coordinator"), { config: MESH_TOML, acls: ACLS_TOML });
  const code = await setupCode(demo.mesh);
  report.say(`it is unclaimed and prints a set-up code`);
  const alice = lab.host("alice");
  report.say(`alice: ghostctl init --server ${COORDINATOR} --setup ${code.slice(0, 10)}... --acls acls.toml`);
  const network = await initNetwork(alice, code);
  report.say(`network ${network}`);
  report.say(`alice: ghostctl token create --gate; ghostctl token create --uses 3`);
  const gateToken = await createToken(alice, "--gate");
  const token = await createToken(alice, "--uses", "3");
  report.say(`gate: ghostgate --config ghostgate.toml --server ${COORDINATOR} --auth ...`);
  demo.gate = await startGate(lab.host("gate"), { token: gateToken, config: GATE_TOML });
  for (const name of ["alice", "carol"] as const) {
    report.say(`${name}: ghostlink join --server ${COORDINATOR} --auth ...`);
    demo[name] = joinLink(lab.host(name), token);
    const { text } = await demo[name].line(/ is up: /);
    report.say(text);
  }
  await waitFor("alice's session with the gate", async () => (await status(alice)).gates[0]?.connected);
  demo.token = token;
  report.measured("network, gate, alice and carol", ms(performance.now() - started));
}

/** Bob joins here, while the two homes cannot reach each other: the first answer can only have come through the gate. */
async function climb(demo: Demo): Promise<void> {
  const { lab, report } = demo;
  const alice = lab.host("alice");
  await blockUdp(lab.host("na"), ROUTER_B);
  report.say("UDP between the two homes is held back until the first answer");
  report.say(`bob: ghostlink join --server ${COORDINATOR} --auth ...`);
  demo.bob = joinLink(lab.host("bob"), demo.token);
  const up = await demo.bob.line(/ is up: ([^ ,]+)/);
  report.say(up.text);
  const known = await demo.alice.line(/^bob: (?!no path)(\w+)/);
  const ping = new Ping(alice, up.match[1]!);
  report.say(`alice: ping ${up.match[1]}`);
  const first = await ping.first();
  const released = performance.now();
  await unblockUdp(lab.host("na"));
  if (known.match[1] !== "quic") throw new Failure(`The first path is ${known.match[1]}, expected quic`);
  report.measured("first ping alice -> bob", `answered through the gate after ${ms(first.at - ping.started)}`);
  const direct = await demo.alice.line(/^bob: direct (\S+)/, { timeout: 20_000 });
  report.measured("climb to direct", `${ms(direct.at - released)} after UDP could pass, at ${direct.match[1]}`);
  await demo.bob.line(/^alice: direct/);
  const result = await ping.stop(2000);
  report.measured("ping every 5 ms across the climb", lossText(result));
  expectNoLoss(result, "The ping across the climb");
  await waitForRung(alice, "bob", "direct");
  for (const line of (await alice.ctl(["peers"])).stdout.trimEnd().split("\n")) report.say(line);
}

async function transfer(demo: Demo): Promise<void> {
  const { lab, report, kind } = demo;
  const alice = lab.host("alice");
  const bob = lab.host("bob");
  const address = ipv4Of((await peers(alice)).find((p) => p.name === "bob")!.addresses);
  const ends: [BareEnd, BareEnd] = [
    { host: alice, address: "172.31.255.1", endpoint: ROUTER_A },
    { host: bob, address: "172.31.255.2", endpoint: ROUTER_B },
  ];
  const { interface: iface } = (await status(alice)).self;
  const mtu = Number(/ mtu (\d+)/.exec((await alice.run(["ip", "link", "show", iface])).stdout)?.[1] ?? 1280);
  await bareTunnel(kind, ends, { mtu });
  const { sha256, process } = await serveFile(bob, FILE_BYTES);
  report.say(`bob serves 100 MB, SHA-256 ${sha256.slice(0, 16)}...`);
  const rates = { ghostmesh: [] as number[], bare: [] as number[] };
  for (let round = 0; round < TRANSFER_ROUNDS; round++) {
    for (const [name, target] of [["ghostmesh", address], ["bare", "172.31.255.2"]] as const) {
      const got = await fetchFile(alice, target);
      if (got.sha256 !== sha256) {
        throw new Failure(`The file that came over ${name} has another SHA-256: ${got.sha256}`);
      }
      rates[name].push(got.mbit);
    }
  }
  await process.stop();
  const [ours, bare] = [median(rates.ghostmesh), median(rates.bare)];
  report.measured("100 MB alice <- bob", `${Math.round(ours)} Mbit/s, same SHA-256 at both ends`);
  report.measured(`the same over bare ${kind.label}`, `${Math.round(bare)} Mbit/s`);
  report.measured("GhostMesh / bare", (ours / bare).toFixed(2));
}

async function subnet(demo: Demo): Promise<void> {
  const { lab, report } = demo;
  const alice = lab.host("alice");
  const before = await alice.run(["ping", "-c", "1", "-W", "1", PRINTER], { codes: "any" });
  if (before.code === 0) throw new Failure(`${PRINTER} answers before there is a route`);
  report.say(`alice: ghostctl route add ${OFFICE} via carol`);
  const started = performance.now();
  const added = await alice.ctl(["route", "add", OFFICE, "via", "carol"]);
  for (const line of `${added.stdout}${added.stderr}`.trim().split("\n")) report.say(line);
  const ping = ["ping", "-c", "1", "-W", "1", PRINTER];
  await waitFor(
    `an answer from the printer ${PRINTER}`,
    async () => (await alice.run(ping, { codes: "any" })).code === 0,
  );
  report.measured(`${PRINTER} behind carol answers`, `${ms(performance.now() - started)} after "ghostctl route add"`);
  for (const line of (await alice.ctl(["route", "list"])).stdout.trimEnd().split("\n")) report.say(line);
}

async function rotate(demo: Demo): Promise<void> {
  const { lab, report } = demo;
  const alice = lab.host("alice");
  const { interface: iface } = (await status(alice)).self;
  const key = async () => (await alice.run(["wg", "show", iface, "public-key"])).stdout.trim();
  const before = await key();
  const bob = (await peers(alice)).find((p) => p.name === "bob")!;
  const ping = new Ping(alice, ipv4Of(bob.addresses));
  await ping.first();
  report.say("alice: ghostctl keys rotate");
  const started = performance.now();
  const said = (await alice.ctl(["keys", "rotate"])).stdout.trim();
  for (const line of said.split("\n")) report.say(line);
  await waitFor("the new key on alice's interface", async () => await key() !== before);
  const took = performance.now() - started;
  await waitForRung(alice, "bob", "direct");
  const result = await ping.stop(2500);
  report.measured("keys rotate", ms(took));
  report.measured("ping every 5 ms meanwhile", lossText(result));
  expectNoLoss(result, "The ping under the rotation");
}

async function outage(demo: Demo): Promise<void> {
  const { lab, report } = demo;
  const alice = lab.host("alice");
  const before = await status(alice);
  const bob = (await peers(alice)).find((p) => p.name === "bob")!;
  const nodes = (await alice.ctl(["nodes", "list"])).stdout.split("\n").length;
  const ping = new Ping(alice, ipv4Of(bob.addresses), 10);
  await ping.first();
  report.say("the gate is killed (SIGKILL)");
  await demo.gate.stop("SIGKILL");
  await waitFor("alice to notice", async () => (await status(alice)).gates.every((gate) => !gate.connected));
  report.say("alice has noticed; the coordinator is killed too");
  await demo.mesh.stop("SIGKILL");
  await waitFor("alice to notice", async () => !(await status(alice)).network.connected);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const during = (await peers(alice)).find((p) => p.name === "bob");
  if (during?.path.rung !== "direct") throw new Failure(`alice -> bob fell from direct to ${during?.path.rung}`);
  report.say("alice -> bob is still direct; both are started again, the gate without a token");
  const started = performance.now();
  demo.mesh = await startMesh(lab.host("coordinator"));
  demo.gate = await startGate(lab.host("gate"));
  await waitFor("gate and coordinator to be back", async () => {
    const now = await status(alice);
    return now.network.connected && now.gates.some((gate) => gate.connected);
  });
  report.measured("gate and coordinator are back", `${ms(performance.now() - started)} after their start`);
  const result = await ping.stop(500);
  report.measured("ping every 10 ms over the whole outage", lossText(result));
  expectNoLoss(result, "The ping over the outage");
  const after = await status(alice);
  if (after.network.ledgerSeq < before.network.ledgerSeq) throw new Failure("The coordinator came back with less");
  const again = (await alice.ctl(["nodes", "list"])).stdout.split("\n").length;
  if (again !== nodes) throw new Failure(`The coordinator came back with other nodes: ${again} lines, ${nodes} before`);
  await waitFor("the printer again", async () => {
    return (await alice.run(["ping", "-c", "1", "-W", "1", PRINTER], { codes: "any" })).code === 0;
  });
  report.say("ledger, nodes and the route behind carol are all there");
}
