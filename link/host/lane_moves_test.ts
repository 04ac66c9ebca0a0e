import assert from "node:assert/strict";
import { type LaneHost, MovingLane } from "./lane_moves.ts";
import type { Carrier, CarrierHost, PathNow } from "./transport.ts";

/** A lane that moves, the lanes that it has opened, and what it has said to gates and path, in order. */
function moving(): { lane: MovingLane; opened: { host: LaneHost; doubts: boolean[] }[]; said: string[]; at: string[] } {
  const said: string[] = [];
  const opened: { host: LaneHost; doubts: boolean[] }[] = [];
  const at = ["g1"];
  const host = {
    selfId: "a",
    peerId: "b",
    gates: {
      towards: () => ({ gateId: at[0] }),
      at: () => null,
      accuse: (gate: string) => said.push(`accuse ${gate}`),
      laneAt: (_: string, gate: string | null, doubt?: (doubted: boolean) => void) => {
        said.push(`lane at ${gate}`);
        doubt?.(true);
      },
    },
    up: () => said.push("up"),
    down: () => said.push("down"),
    rearm: () => {},
    now: () => 0,
  } as unknown as CarrierHost;
  const lane = new MovingLane(host, (host) => {
    const one = { host, doubts: [] as boolean[] };
    opened.push(one);
    return { reachChanged: () => {}, gateDoubted: (on) => one.doubts.push(on), close: () => {} } satisfies Carrier;
  });
  lane.reachChanged();
  return { lane, opened, said, at };
}

const UP = { endpoint: "g1", rttMs: 1 };
const on = (rung: PathNow["rung"]): PathNow => ({ rung, since: 0 });

Deno.test("MovingLane hears of its gate's doubts, and accuses it when the lane dies, while the gate still knows of the lane", () => {
  const { opened, said } = moving();
  opened[0]!.host.up(UP);
  assert.deepEqual(opened[0]!.doubts, [true]);
  opened[0]!.host.down();
  assert.deepEqual(said, ["lane at g1", "up", "accuse g1", "lane at null", "down"]);
});

Deno.test("MovingLane accuses nobody for a lane that was left for another one, or that died unused", () => {
  const { lane, opened, said, at } = moving();
  opened[0]!.host.up(UP);
  at[0] = "g2";
  lane.reachChanged();
  opened[1]!.host.up({ ...UP, endpoint: "g2" });
  opened[0]!.host.down();
  opened[1]!.host.down();
  opened[1]!.host.down();
  assert.deepEqual(said.filter((what) => what.startsWith("accuse")), ["accuse g2"]);
});

Deno.test("MovingLane accuses the gate when the peer's word has taken the path off the lane, and not on a climb", () => {
  const { lane, opened, said } = moving();
  opened[0]!.host.up(UP);
  for (const rung of ["lane", "direct", "lane", "quic"] as const) lane.pathChanged(on(rung));
  assert.deepEqual(said.filter((what) => what.startsWith("accuse")), ["accuse g1"]);
});
