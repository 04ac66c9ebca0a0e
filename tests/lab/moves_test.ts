/**
 * Moving between rungs under a steady stream of 1,000 packets a second, counted by sequence numbers there and back: climbs lose
 * nothing and reorder nothing past WireGuard's window; failures end on another rung, and their gaps are printed.
 */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { lossText, Ping, type PingResult } from "../../scripts/lab/ping.ts";
import { admit, peers, startGate, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { blockLanes, blockUdp, ROUTER_B, unblockUdp } from "../../scripts/lab/topology.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import { addressOf, emptyHomes, fixture, inWindow } from "./support.ts";

/** alice and bob, whose direct path is cut for the time being. */
async function make() {
  const lab = await emptyHomes();
  const host = (name: string) => lab.host(name);
  await blockUdp(host("na"), ROUTER_B);
  const { gate } = await startNetwork(lab, host("alice"));
  await admit(host("alice"), ["alice", "bob"].map(host));
  await waitForRung(host("alice"), "bob", "quic");
  return { lab, host, gate, bob: await addressOf(host("alice"), "bob") };
}

const world = fixture(make);

interface World {
  gate: Process;
  host(name: string): Host;
  bob: string;
}

/** Both ends are on this rung. */
async function on({ host }: World, rung: Rung): Promise<void> {
  await waitForRung(host("alice"), "bob", rung, 60_000);
  await waitForRung(host("bob"), "alice", rung, 60_000);
}

/** Runs the stream while `act` happens and for a moment longer; what was measured is the name of the step that judges it. */
async function stream(
  [w, t]: [World, Deno.TestContext],
  act: () => Promise<void>,
  judge: (result: PingResult) => void,
): Promise<void> {
  const ping = new Ping(w.host("alice"), w.bob, 1);
  await ping.first();
  await act();
  await ping.goesOn();
  const result = await ping.stop(1_000);
  const { reordered, longestGapMs } = result;
  const name = `${lossText(result)}, latest by ${reordered}, longest gap ${longestGapMs.toFixed(0)} ms`;
  assert.ok(await t.step(name, () => judge(result)));
}

function whole(result: PingResult): void {
  // Those of the last moment may still be under way on a busy machine; the climb was before.
  const lost = result.lost.filter((seq) => seq <= result.sent - 800);
  assert.deepEqual(lost, [], lossText(result));
  inWindow(result);
}

/** Which addresses the gate's kernel passes packets between. */
async function endsAt({ host }: World): Promise<string> {
  return (await host("gate").sh("nft list ruleset | sed -n '/set ends4/,/}/p'")).stdout;
}

world("quic -> lane loses nothing", async (w, t) => {
  await stream([w, t], () => on(w, "lane"), whole);
});

world("an end that roams on a lane stays on it", async (w, t) => {
  const before = await endsAt(w);
  const { since } = (await waitForRung(w.host("alice"), "bob", "lane")).path;
  await stream([w, t], async () => {
    await w.host("alice").sh(`
      ip address del 10.9.1.2/24 dev eth0
      ip address add 10.9.1.7/24 dev eth0
      ip route replace default via 10.9.1.1`);
    // The gate carries to the new address.
    await waitFor(
      "the end's new address",
      async () => await endsAt(w) !== before,
    );
    await on(w, "lane");
  }, inWindow);
  assert.equal((await waitForRung(w.host("alice"), "bob", "lane")).path.since, since);
});

world("lane -> direct loses nothing", async (w, t) => {
  await stream([w, t], async () => {
    await unblockUdp(w.host("na"));
    await on(w, "direct");
  }, whole);
});

world("direct -> another rung when the network passes STUN and drops WireGuard", async (w, t) => {
  await stream([w, t], async () => {
    // By four bytes: answers of STUN begin with a 1 as well.
    const rules = `table ip tunnels { chain fw { type filter hook forward priority filter;
      ip saddr ${ROUTER_B} @th,64,32 { 0x01000000, 0x02000000, 0x03000000, 0x04000000 } drop; ip daddr ${ROUTER_B} @th,64,32 { 0x01000000, 0x02000000, 0x03000000, 0x04000000 } drop;
    }
  }`;
    await w.host("na").run(["nft", "-f", "-"], { stdin: rules });
    await waitFor("both ends off direct", async () => {
      const rungs = await Promise.all(
        [["alice", "bob"], ["bob", "alice"]].map(async ([from, to]) =>
          (await peers(w.host(from!))).find((p) => p.name === to)?.path.rung
        ),
      );
      return rungs.every((rung) => rung === "quic" || rung === "lane");
    }, { timeout: 60_000, every: 100 });
    await w.host("na").run(["nft", "delete", "table", "ip", "tunnels"]);
  }, inWindow);
  await on(w, "direct");
});

world("lost consent: direct -> quic -> lane", async (w, t) => {
  await stream([w, t], async () => {
    await blockUdp(w.host("na"), ROUTER_B);
    await on(w, "lane");
  }, inWindow);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  world(`a restart of the gate by ${signal}: none -> quic -> lane`, async (w, t) => {
    await stream([w, t], async () => {
      const began = Date.now();
      await w.gate.stop(signal);
      w.gate = await startGate(w.host("gate"));
      for (const [from, to] of [["alice", "bob"], ["bob", "alice"]] as const) {
        await waitFor(`a new lane from ${from}`, async () => {
          const path = (await peers(w.host(from))).find((p) => p.name === to)?.path;
          return path?.rung === "lane" && Date.parse(path.since!) > began;
        });
      }
    }, inWindow);
  });
}

world("lane -> quic when the lane's port is shut", async (w, t) => {
  await stream([w, t], async () => {
    await blockLanes(w.host("na"));
    await on(w, "quic");
  }, inWindow);
});
