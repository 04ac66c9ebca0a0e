/**
 * `deno task bench [paths] [--rounds N] [--seconds N] [--out FILE]`: TCP throughput (iperf3) and round trips over bare WireGuard, over
 * GhostMesh direct, by a lane in the gate's kernel and in its process, over quic and over turn, over nebula direct and relayed, and over
 * Tailscale direct, by its peer relay and over DERP, between machines behind home NATs in a throw-away world. They take turns in one run;
 * ratios are of each round. All but the other overlays use the same kind of WireGuard, which the result names. One turn of a second is
 * good to some 10% on a busy machine, so there are many short ones, and a goal is open while the ratio's interval spans it.
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
import { interleave, interval, ratios, type Samples, verdict } from "./bench/rounds.ts";
import { findTailscale, Tailnet, WITHOUT } from "./bench/tailscale.ts";
import { tailscalePaths } from "./bench/tailscale_paths.ts";
import { bareTurn, turnPeer } from "./bench/turn.ts";
import { bareTunnel } from "./lab/bare.ts";
import { enterWorld } from "./lab/enter.ts";
import { Lab } from "./lab/lab.ts";
import { GATE, ROUTER_A, ROUTER_B } from "./lab/topology.ts";
import { errorLine } from "../mesh/wire/errors.ts";
import { main } from "./lib/run.ts";
import { spread, table } from "./lib/stats.ts";

/** What was measured in turns. */
interface Measured {
  mbit: Samples<number>;
  pings: Samples<Latency>;
}

/** In the order in which they are measured: those that have to be told apart most closely are neighbours. */
const NAMES: Record<string, string> = {
  bare: "bare WireGuard",
  direct: "GhostMesh direct",
  lane: "GhostMesh lane, kernel",
  "ts-relay": "Tailscale peer relay",
  "ts-direct": "Tailscale direct",
  nebula: "nebula direct",
  "ts-derp": "Tailscale DERP",
  quic: "GhostMesh quic",
  "nebula-relay": "nebula relay",
  turn: "GhostMesh turn",
  "bare-turn": "bare WireGuard, coturn",
  loop: "GhostMesh lane, process",
};

/** Pings of each path in a round. */
const PINGS = 100;

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

function rowsOf({ mbit, pings }: Measured): string[][] {
  const rows = [["path", "TCP Mbit/s", "of bare", "ping p50 ms", "p99 ms", "p50 of bare", "pings lost"]];
  for (const [name, all] of pings) {
    rows.push([
      NAMES[name]!,
      spread(mbit.get(name)!, 0),
      interval(ratios(mbit, [name, "bare"], (rate) => rate), 3),
      spread(all.map((s) => s.p50), 2),
      spread(all.map((s) => s.p99), 2),
      interval(ratios(pings, [name, "bare"], (s) => s.p50), 2),
      `${all.reduce((sum, s) => sum + s.lost, 0)} of ${PINGS * all.length}`,
    ]);
  }
  return rows;
}

function goalRows({ mbit }: Measured): string[][] {
  const rows = [["throughput of", "ratio", "goal", ""]];
  for (const [name, base, least] of GOALS) {
    if (!mbit.has(name) || !mbit.has(base)) continue;
    const all = ratios(mbit, [name, base], (rate) => rate);
    rows.push([`${NAMES[name]} / ${NAMES[base]}`, interval(all, 2), `at least ${least}`, verdict(all, least)]);
  }
  return rows;
}

function jsonOf({ mbit, pings }: Measured) {
  return Object.fromEntries([...mbit].map(([name, all]) => [name, { mbit: all, pings: pings.get(name)! }]));
}

await main(async () => {
  const { rounds, seconds, out } = benchOptions({ rounds: 12, seconds: 1 });
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
  /** Throughput first, then pings, so that of the first neighbours follow each other at once. */
  const measure = async (names: readonly string[]): Promise<Measured> => {
    const to = (name: string) => addresses.get(name === "loop" ? "lane" : name)!;
    const from = (name: string) => theirs?.addresses.has(name) ? theirs.from : alice;
    const turns = <T>(turn: (name: string) => Promise<T>, text: (sample: T) => string) =>
      interleave(names, {
        rounds,
        measure: async (name, round) => {
          const sample = await turn(name);
          say(`round ${round + 1}/${rounds}  ${name.padEnd(12)}  ${text(sample)}`);
          return sample;
        },
      });
    return {
      mbit: await turns((name) => throughput(from(name), to(name), seconds), (mbit) => `${mbit.toFixed(0)} Mbit/s`),
      pings: await turns((name) => latency(from(name), to(name), PINGS), ({ p50 }) => `${p50.toFixed(3)} ms`),
    };
  };
  const measured = await measure(Object.keys(NAMES).filter((name) => addresses.has(name)));
  await checkRungs(alice, [
    { name: "bob", rung: "direct", endpoint: new RegExp(`^${ROUTER_B}:`) },
    { name: "dave", rung: "lane" },
    { name: "erin", rung: "quic" },
    { name: "frank", rung: "turn" },
  ]);
  // Theirs go over to another path as they please; ours were checked above.
  const doubt = await theirs?.check().then(() => null, (error: unknown) => errorLine(error)) ?? null;
  await gateAnew(mesh, GATE_IN_PROCESS);
  await laneTo(alice, lab.host("dave"), addresses.get("lane")!);
  const loop = await measure(["bare", "loop"]);
  await checkRungs(alice, [{ name: "dave", rung: "lane" }]);
  const loopRows = rowsOf(loop);
  const others = [nebula?.label ?? "no nebula", tailscale?.label ?? "no Tailscale"].join(", ");
  const title =
    `${kind.label}, ${others}, MTU ${mtu}, ${rounds} rounds of ${seconds} s, TCP from one end to the other; ` +
    "medians (smallest-largest), ratios within each round (95% interval of their median)";
  const parts = [title, table([...rowsOf(measured), loopRows[2]!]), table(goalRows(measured))];
  if (doubt !== null) parts.push(`Tailscale's rows may be of another path towards the end: ${doubt}`);
  const json = {
    version: 3,
    wireguard: kind.label,
    nebula: nebula?.label ?? null,
    tailscale: tailscale?.label ?? null,
    mtu,
    rounds,
    seconds,
    paths: jsonOf(measured),
    loop: jsonOf(loop),
  };
  await tell(parts.join("\n\n"), { out, json });
});
