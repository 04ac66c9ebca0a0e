/**
 * `deno task bench times [--pairs N] [--tailscale N] [--rounds N] [--rtt MS] [--near 0|1] [--out FILE]`: how long things take between alice and bob, each
 * behind a home NAT, in a throw-away world: first reply and a direct path in both directions between strangers, over fresh pairs (half of
 * them are pinged at once, half 3 s later), and from the start of the second one's process, at its join and when it starts again; the
 * gap while alice changes her network, while a firewall comes between them, and while the gate that carries a lane of theirs dies.
 * Before each pair of ours one of Tailscale's does the same on the same machines, where Go is at hand. With no delay in the links,
 * and with `rtt` ms between each machine and everything else (lab/delay.ts); `--near 0` and `--rtt 0` leave one out. The goals are the
 * issue's; RTT is what the two ends have between them without a tunnel.
 */
import { benchOptions, tell } from "./bench/options.ts";
import { findTailscale, type Tailscale, WITHOUT } from "./bench/tailscale.ts";
import { type Goal, isBeside, judge } from "./bench/times.ts";
import { TimesWorld } from "./bench/times_world.ts";
import { enterWorld } from "./lab/enter.ts";
import { main } from "./lib/run.ts";
import { median, quantile, table } from "./lib/stats.ts";

/** Times in ms, and what the ends' round trip was. */
interface Run {
  rtt: number;
  atOnce: number[];
  later: number[];
  direct: number[];
  climb: number[];
  /** From the start of the second machine's process: until it is up, and until the first reply of who is pinged then. */
  joinUp: number[];
  joinReply: number[];
  /** The same when its daemon starts again, pinged all the time. */
  againUp: number[];
  againReply: number[];
  roaming: number[];
  cutOff: number[];
  deadGate: number[];
  /** The same of the other gate, once the first one is back. */
  deadAgain: number[];
  /** Tailscale's; it looks for a direct path only under traffic, so its clock starts with the first ping. */
  tsAtOnce: number[];
  tsLater: number[];
  tsDirectAtOnce: number[];
  tsDirectLater: number[];
}
type Times = Exclude<keyof Run, "rtt">;

/** What the issue asks, by what is measured, in the table's order. */
function goals({ rtt, tsAtOnce, tsLater }: Run): Record<Times, Goal[]> {
  const first = (theirs: number[]) => [
    { what: "1 RTT + 20 ms", part: 0.5, limit: rtt + 20 },
    ...(theirs.length ? [{ what: "Tailscale's", part: 0.5, limit: median(theirs) }] : []),
  ];
  const direct = [
    { what: "100 ms + 4 RTT", part: 0.5, limit: 100 + 4 * rtt },
    { what: "1 s + 4 RTT", part: 0.99, limit: 1_000 + 4 * rtt },
  ];
  return {
    atOnce: first(tsAtOnce),
    tsAtOnce: [],
    later: first(tsLater),
    tsLater: [],
    direct,
    climb: direct,
    joinUp: [],
    joinReply: [],
    againUp: [],
    againReply: [],
    tsDirectAtOnce: [],
    tsDirectLater: [],
    roaming: [{ what: "3 s", part: 1, limit: 3_000 }],
    cutOff: [{ what: "3 s", part: 1, limit: 3_000 }],
    deadGate: [{ what: "3 s", part: 1, limit: 3_000 }],
    deadAgain: [{ what: "3 s", part: 1, limit: 3_000 }],
  };
}

const NAMES = {
  atOnce: "first reply, pinged as the second says it is up",
  later: "first reply, pinged 3 s later",
  direct: "direct both ways, from the second's word that it is up",
  climb: "direct both ways, from its session with the gate",
  joinUp: "join: from the process's start until it says that it is up",
  joinReply: "join: the same until the first reply, pinged then",
  againUp: "restart: from the process's start until it says that it is up",
  againReply: "restart: the same until the first reply",
  roaming: "gap: another network",
  cutOff: "gap: a firewall begins to drop the direct path",
  deadGate: "gap: dead gate under a lane",
  deadAgain: "gap: then the other one, the first is back",
  tsAtOnce: "Tailscale: first reply, pinged as the second says it is up",
  tsLater: "Tailscale: first reply, pinged 3 s later",
  tsDirectAtOnce: "Tailscale: direct both ways, from that first ping at once",
  tsDirectLater: "Tailscale: direct both ways, from the first ping 3 s later",
} as const;
const PARTS = new Map([[0.5, "p50"], [0.99, "p99"], [1, "largest"]]);

function rowsOf(runs: readonly Run[]): string[][] {
  const ms = (value: number) => Number.isFinite(value) ? value.toFixed(0) : "never";
  const rows = [["ms", "RTT of the ends", "times", "p50", "p99", "largest", "goal", ""]];
  for (const run of runs) {
    for (const [key, list] of Object.entries(goals(run)) as [Times, Goal[]][]) {
      const times = run[key];
      if (times.length === 0) continue;
      const figures = [...PARTS.keys()].map((part) => ms(quantile(times, part)));
      const told = list.map((goal) => {
        const { met } = judge(times, goal);
        return [`${PARTS.get(goal.part)} <= ${ms(goal.limit)} (${goal.what})`, met ? "met" : "not met"];
      });
      const [goal, met] = [0, 1].map((i) => told.map((cells) => cells[i]).join("; "));
      rows.push([NAMES[key], run.rtt.toFixed(1), `${times.length}`, ...figures, goal!, met!]);
    }
  }
  return rows;
}

async function measure(
  o: {
    pairs: number;
    /** As many pairs of Tailscale's at most, spread over ours. */
    beside: number;
    rounds: number;
    rtt: number;
    tailscale: Tailscale | null;
    say(line: string): void;
  },
): Promise<Run> {
  const { tailscale } = o;
  await using world = await TimesWorld.open({ pairs: Math.max(1, o.pairs), delay: o.rtt / 2, tailscale });
  const run: Run = {
    rtt: 2 * await world.gateRtt(),
    atOnce: [],
    later: [],
    direct: [],
    climb: [],
    joinUp: [],
    joinReply: [],
    againUp: [],
    againReply: [],
    roaming: [],
    cutOff: [],
    deadGate: [],
    deadAgain: [],
    tsAtOnce: [],
    tsLater: [],
    tsDirectAtOnce: [],
    tsDirectLater: [],
  };
  const tag = `${o.rtt} ms`.padEnd(7);
  const pairs = Math.max(1, o.pairs);
  for (let i = 0; i < pairs; i++) {
    const when = i % 2 === 0 ? "at once" : "later";
    const told = (whose: string, { firstReply, direct }: { firstReply: number; direct: number }) => {
      const text = `first reply ${when} ${firstReply.toFixed(0)} ms, direct ${direct.toFixed(0)} ms`;
      o.say(`${tag} ${whose}pair ${i + 1}/${pairs}: ${text}`);
    };
    const theirs = isBeside(i, { pairs, wanted: o.beside })
      ? await world.tailscalePair(when).catch((error: unknown) => {
        o.say(`${tag} Tailscale's pair ${i + 1}/${pairs}: not measured, ${`${error}`.split("\n")[0]}`);
        return null;
      })
      : null;
    if (theirs) {
      (when === "at once" ? run.tsAtOnce : run.tsLater).push(theirs.firstReply);
      (when === "at once" ? run.tsDirectAtOnce : run.tsDirectLater).push(theirs.direct);
      told("Tailscale's ", theirs);
    }
    const { firstReply, direct, climb, up } = await world.pair(when);
    run.joinUp.push(up);
    if (when === "at once") run.joinReply.push(up + firstReply);
    (when === "at once" ? run.atOnce : run.later).push(firstReply);
    run.direct.push(direct);
    run.climb.push(climb);
    told("", { firstReply, direct });
    const again = await world.restart();
    run.againUp.push(again.up);
    run.againReply.push(again.reply);
  }
  for (let i = 0; i < o.rounds; i++) {
    run.roaming.push(await world.roam());
    o.say(`${tag} another network: ${run.roaming.at(-1)!.toFixed(0)} ms`);
  }
  for (let i = 0; i < o.rounds; i++) {
    run.cutOff.push(await world.cutOff());
    o.say(`${tag} a firewall: ${run.cutOff.at(-1)!.toFixed(0)} ms`);
  }
  if (o.rounds > 0) await world.relayOnly();
  for (let i = 0; i < o.rounds; i++) {
    const gap = await world.gateDies();
    (i === 0 ? run.deadGate : run.deadAgain).push(gap);
    o.say(`${tag} dead gate: ${gap.toFixed(0)} ms`);
  }
  return run;
}

await main(async () => {
  const { rounds, own: { pairs, tailscale: beside, rtt, near }, out } = benchOptions({ rounds: 3, seconds: 1 }, {
    pairs: 10,
    tailscale: 20,
    rtt: 40,
    near: 1,
  });
  const say = (line: string) => console.log(line);
  await enterWorld({ more: () => findTailscale(say, { build: true }) });
  const tailscale = await findTailscale(say, { build: false });
  if (!tailscale) say(`Tailscale: ${WITHOUT}`);
  const runs: Run[] = [];
  for (const delay of [...(near ? [0] : []), ...(rtt > 0 ? [rtt] : [])]) {
    runs.push(await measure({ pairs, beside, rounds, rtt: delay, tailscale, say }));
  }
  const title = `${pairs} fresh pairs, then ${rounds} of each gap, by pings every 10 ms; ${
    tailscale?.label ?? "no Tailscale"
  }`;
  await tell([title, table(rowsOf(runs))].join("\n\n"), {
    out,
    json: { version: 2, pairs, rounds, tailscale: tailscale?.label ?? null, runs },
  });
});
