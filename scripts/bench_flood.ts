/**
 * `deno task bench flood [--rounds N] [--seconds N] [--rate N] [--connections N] [--out FILE]`: what strangers who flood a gate do to
 * those who have sessions there, in a throw-away world: loss and round trips over the direct path, a lane in the kernel, and quic, side
 * by side with none; what it costs the gate, and how many bytes came back for each that was sent. `rate` datagrams a second, or
 * `connections`, come from 16 addresses, of a program on the same two cores: `into a closed port` shows what that alone does.
 */
import type { FloodOrder } from "./bench/flood.ts";
import { PACKETS } from "./bench/flood_packets.ts";
import { Load, targetOf } from "./bench/load.ts";
import { cpuSeconds, type Latency, latency } from "./bench/measure.ts";
import { benchMesh, checkRungs } from "./bench/mesh.ts";
import { benchOptions, tell } from "./bench/options.ts";
import { interleave } from "./bench/rounds.ts";
import { enterWorld } from "./lab/enter.ts";
import { type Host, Lab } from "./lab/lab.ts";
import { Failure, main } from "./lib/run.ts";
import { spread, table } from "./lib/stats.ts";

const NONE = "none";
const FLOODS = [NONE, ...Object.keys(PACKETS), "QUIC handshakes", "half-open sessions", "wrong credentials"];
const PATHS = ["direct", "lane", "quic"] as const;
const SOURCES = Array.from({ length: 16 }, (_, i) => `203.0.113.${100 + i}`);

interface Sample {
  paths: Record<typeof PATHS[number], Latency>;
  /** Datagrams or connections a second. */
  rate: number;
  /** Of a core, of the gate's process. */
  cpu: number;
  /** Bytes back for one sent; null without a flood. */
  back: number | null;
}

/** Bytes that a host's card has sent and received. */
async function cardBytes(host: Host): Promise<{ tx: number; rx: number }> {
  const { stdout } = await host.run(["ip", "-json", "-s", "link", "show", "eth0"]);
  const [card] = JSON.parse(stdout) as [{ stats64: { tx: { bytes: number }; rx: { bytes: number } } }];
  return { tx: card.stats64.tx.bytes, rx: card.stats64.rx.bytes };
}

function rowsOf(samples: Map<string, Sample[]>, pings: number): string[][] {
  const paths = PATHS.flatMap((path) => [`${path}: lost`, "p50 ms", "p99 ms"]);
  const rows = [["flood", "a second", ...paths, "gate's CPU", "bytes back"]];
  for (const [name, all] of samples) {
    const cells = PATHS.flatMap((path) => {
      const of = all.map((sample) => sample.paths[path]);
      const lost = of.reduce((sum, { lost }) => sum + lost, 0) / (pings * of.length);
      return [`${(lost * 100).toFixed(2)}%`, spread(of.map((l) => l.p50), 2), spread(of.map((l) => l.p99), 1)];
    });
    const back = all.map(({ back }) => back).filter((b) => b !== null);
    const rate = name === NONE ? "-" : spread(all.map((s) => s.rate), 0);
    rows.push([name, rate, ...cells, `${spread(all.map((s) => s.cpu * 100), 0)}%`, spread(back, 2)]);
  }
  return rows;
}

await main(async () => {
  const { rounds, seconds, own: { rate, connections }, out } = benchOptions({ rounds: 2, seconds: 2 }, {
    rate: 5_000,
    connections: 500,
  });
  await enterWorld();
  const say = (line: string) => console.log(line);
  await using lab = new Lab();
  const { alice, gate, gateHost, addresses, kind } = await benchMesh(lab);
  const target = await targetOf(gateHost, alice);
  const mallory = lab.host("carol");
  for (const address of SOURCES) await mallory.run(["ip", "address", "add", `${address}/24`, "dev", "eth0"]);
  const pings = seconds * 200;
  const measure = async (name: string): Promise<Sample> => {
    const order: FloodOrder = { ...target, kind: name, rate, connections, sources: SOURCES };
    const load = name === NONE ? null : Load.start(mallory, { file: "flood.ts", order });
    await load?.told("flowing");
    await load?.told("sent", { fresh: true });
    const sent = () => load?.all<{ sent: number }>("sent").at(-1)?.sent ?? 0;
    const [bytes, cpu, count, from] = [await cardBytes(mallory), await cpuSeconds(gate.pid), sent(), performance.now()];
    const [direct, lane, quic] = await Promise.all(PATHS.map((p) => latency(alice, addresses.get(p)!, pings)));
    const passed = (performance.now() - from) / 1000;
    const [after, used] = [await cardBytes(mallory), await cpuSeconds(gate.pid) - cpu];
    const flowed = (sent() - count) / passed;
    await load?.stop();
    if (load && after.tx - bytes.tx < 10_000) {
      throw new Failure(`The flood "${name}" did not flow: ${load.process.text}`);
    }
    say(`${name.padEnd(26)}  ${flowed.toFixed(0)} a second  quic ${quic!.p50} ms, ${quic!.lost} of ${pings} lost`);
    return {
      paths: { direct: direct!, lane: lane!, quic: quic! },
      rate: flowed,
      cpu: used / passed,
      back: load && (after.rx - bytes.rx) / (after.tx - bytes.tx),
    };
  };
  const samples = await interleave(FLOODS, { rounds, measure });
  await checkRungs(alice, [{ name: "bob", rung: "direct" }, { name: "dave", rung: "lane" }, {
    name: "erin",
    rung: "quic",
  }]);
  const ended = gate.lines.filter(({ text }) => /session ended/.test(text)).length;
  const parts = [
    `${kind.label}, ${rounds} rounds, ${pings} pings over each path at once while the flood flows; medians (smallest-largest)`,
    table(rowsOf(samples, pings)),
    `sessions of machines that ended meanwhile: ${ended}`,
  ];
  const json = { version: 1, rounds, seconds, rate, connections, ended, floods: Object.fromEntries(samples) };
  await tell(parts.join("\n\n"), { out, json });
});
