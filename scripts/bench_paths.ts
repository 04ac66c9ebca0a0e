/**
 * `deno task bench [paths] [--rounds N] [--seconds N] [--out FILE]`: TCP throughput (iperf3) and round trips over bare WireGuard, over
 * GhostMesh direct, by a lane in the gate's kernel and in its process, over quic and over turn, and over nebula direct and relayed,
 * between machines behind home NATs in a throw-away world. They take turns in one run; ratios are of each round. All but nebula use the
 * same kind of WireGuard, which the result names.
 *
 * Bare and direct run between alice and bob; the lane between alice and dave, whose routers let no UDP pass between them; quic
 * and nebula's relay between alice and erin, whose router stops lanes too; turn between alice and frank, whose router lets nothing
 * but STUN and TURN to the gate, beside bare WireGuard that a small program carries through a coturn of its own. The lane in the process
 * comes last, beside bare again, because it takes a gate that may not use the kernel.
 */
import { BARE, benchMesh, checkRungs, GATE_IN_PROCESS, gateAnew, laneTo } from "./bench/mesh.ts";
import { type Latency, latency, throughput } from "./bench/measure.ts";
import { findNebula, startNebula } from "./bench/nebula.ts";
import { benchOptions, tell } from "./bench/options.ts";
import { interleave, ratios, type Samples } from "./bench/rounds.ts";
import { findTailscale, Tailnet, WITHOUT } from "./bench/tailscale.ts";
import { tailscalePaths } from "./bench/tailscale_paths.ts";
import { bareTurn, turnPeer } from "./bench/turn.ts";
import { bareTunnel } from "./lab/bare.ts";
import { enterWorld } from "./lab/enter.ts";
import { Lab } from "./lab/lab.ts";
import { GATE, ROUTER_A, ROUTER_B } from "./lab/topology.ts";
import { main } from "./lib/run.ts";
import { median, spread, table } from "./lib/stats.ts";

interface Sample extends Latency {
  mbit: number;
}

const NAMES: Record<string, string> = {
  bare: "bare WireGuard",
  direct: "GhostMesh direct",
  lane: "GhostMesh lane, kernel",
  loop: "GhostMesh lane, process",
  quic: "GhostMesh quic",
  turn: "GhostMesh turn",
  "bare-turn": "bare WireGuard, coturn",
  nebula: "nebula direct",
  "nebula-relay": "nebula relay",
  "ts-direct": "Tailscale direct",
  "ts-relay": "Tailscale peer relay",
  "ts-derp": "Tailscale DERP",
};

/** What issue and README promise, as ratios within a round. */
const GOALS: readonly [name: string, base: string, least: number][] = [
  ["direct", "bare", 0.98],
  ["lane", "direct", 0.95],
  ["lane", "ts-relay", 1.15],
  ["lane", "nebula-relay", 5],
  ["lane", "ts-derp", 10],
  ["quic", "ts-derp", 1],
  ["quic", "nebula-relay", 1],
];

function rowsOf(samples: Samples<Sample>): string[][] {
  const rows = [["path", "TCP Mbit/s", "of bare", "ping p50 ms", "p99 ms", "p50 of bare", "pings lost"]];
  for (const [name, all] of samples) {
    rows.push([
      NAMES[name]!,
      spread(all.map((s) => s.mbit), 0),
      spread(ratios(samples, [name, "bare"], (s) => s.mbit), 3),
      spread(all.map((s) => s.p50), 2),
      spread(all.map((s) => s.p99), 2),
      spread(ratios(samples, [name, "bare"], (s) => s.p50), 2),
      `${all.reduce((sum, s) => sum + s.lost, 0)} of ${200 * all.length}`,
    ]);
  }
  return rows;
}

function goalRows(samples: Samples<Sample>): string[][] {
  const rows = [["throughput of", "ratio", "goal", ""]];
  for (const [name, base, least] of GOALS) {
    if (!samples.has(name) || !samples.has(base)) continue;
    const all = ratios(samples, [name, base], (s) => s.mbit);
    const met = median(all) >= least ? "met" : "not met";
    rows.push([`${NAMES[name]} / ${NAMES[base]}`, spread(all, 2), `${least}`, met]);
  }
  return rows;
}

await main(async () => {
  const { rounds, seconds, out } = benchOptions({ rounds: 5, seconds: 2 });
  const say = (line: string) => console.log(line);
  await enterWorld({
    more: async () => {
      await findNebula(say, { build: true });
      await findTailscale(say, { build: true });
    },
  });
  const [nebula, tailscale] = [await findNebula(say, { build: false }), await findTailscale(say, { build: false })];
  await using lab = new Lab();
  const mesh = await benchMesh(lab);
  const { alice, mtu, kind } = mesh;
  const bob = lab.host("bob");
  await bareTunnel(kind, [
    { host: alice, address: "172.31.255.1", endpoint: ROUTER_A },
    { host: bob, address: BARE, endpoint: ROUTER_B },
  ], { mtu });
  const addresses = new Map(mesh.addresses);
  addresses.set("turn", await turnPeer(lab, mesh)).set("bare-turn", await bareTurn(lab, mesh));
  if (nebula) {
    const nodes = [{ host: alice, relayed: true }, { host: bob, relayed: false }, {
      host: lab.host("erin"),
      relayed: true,
    }];
    const found = await startNebula(nebula, { lighthouse: lab.host("gate"), at: GATE, nodes, mtu });
    addresses.set("nebula", found.get("bob")!).set("nebula-relay", found.get("erin")!);
  } else say("nebula: skipped, neither Go >= 1.23 nor Debian's nebula is here");
  const theirs = tailscale ? await tailscalePaths(await Tailnet.open(tailscale, lab), lab) : undefined;
  for (const [name, address] of theirs?.addresses ?? []) addresses.set(name, address);
  if (!theirs) say(`Tailscale: ${WITHOUT}`);
  const measure = async (name: string, round: number): Promise<Sample> => {
    const address = addresses.get(name === "loop" ? "lane" : name)!;
    const from = theirs?.addresses.has(name) ? theirs.from : alice;
    const pings = await latency(from, address);
    const mbit = await throughput(from, address, seconds);
    say(`round ${round + 1}/${rounds}  ${name.padEnd(12)}  ${mbit.toFixed(0)} Mbit/s  ${pings.p50.toFixed(3)} ms`);
    return { mbit, ...pings };
  };
  const samples = await interleave([...addresses.keys()], { rounds, measure });
  await checkRungs(alice, [
    { name: "bob", rung: "direct", endpoint: new RegExp(`^${ROUTER_B}:`) },
    { name: "dave", rung: "lane" },
    { name: "erin", rung: "quic" },
    { name: "frank", rung: "turn" },
  ]);
  await theirs?.check();
  await gateAnew(mesh, GATE_IN_PROCESS);
  await laneTo(alice, lab.host("dave"), addresses.get("lane")!);
  const loop = await interleave(["bare", "loop"], { rounds, measure });
  await checkRungs(alice, [{ name: "dave", rung: "lane" }]);
  const loopRows = rowsOf(loop);
  const title =
    `${kind.label}, ${nebula?.label ?? "no nebula"}, ${
      tailscale?.label ?? "no Tailscale"
    }, MTU ${mtu}, ${rounds} rounds of ${seconds} s, TCP alice -> ` +
    `peer; medians (smallest-largest), ratios within each round`;
  const parts = [title, table([...rowsOf(samples), loopRows[2]!]), table(goalRows(samples))];
  const json = {
    version: 3,
    wireguard: kind.label,
    nebula: nebula?.label ?? null,
    tailscale: tailscale?.label ?? null,
    mtu,
    rounds,
    seconds,
    paths: Object.fromEntries(samples),
    loop: Object.fromEntries(loop),
  };
  await tell(parts.join("\n\n"), { out, json });
});
