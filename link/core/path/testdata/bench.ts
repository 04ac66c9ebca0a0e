/** A path and its clock, for tests. */
import assert from "node:assert/strict";
import { Path, type PathAction, type PathEvent, type SelectedPair } from "../mod.ts";

export const PAIR: SelectedPair = {
  local: { address: "198.51.100.1", port: 40001, base: { address: "10.9.1.2", port: 51820 } },
  remote: { address: "198.51.100.2", port: 40002 },
};
export const OTHER: SelectedPair = { ...PAIR, remote: { address: "2001:db8::2", port: 51820 } };
export const ENDPOINT = "198.51.100.2:40002";
export const T0 = 1_700_000_000_000;

/** A session with a gate where the peer is too: the quic rung, and a carrier of signals. */
export type GateEvent = { kind: "gateUp"; endpoint?: string; rttMs?: number } | { kind: "gateDown" };

export function eventsOf(event: PathEvent | GateEvent): PathEvent[] {
  if (event.kind === "gateDown") return [{ kind: "relayDown", rung: "quic" }, { kind: "peerOffline" }];
  if (event.kind !== "gateUp") return [event];
  const { endpoint = null, rttMs = null } = event;
  return [{ kind: "relayUp", relay: { rung: "quic", rank: 2, endpoint, rttMs, wireguard: null } }, {
    kind: "peerOnline",
  }];
}

/** A path between two WireGuards that know each other, and its clock; `do` returns the kinds of the actions, in order. */
export class Bench {
  readonly path = new Path();
  now = T0;
  last: PathAction[] = [];

  constructor({ strange = false }: { strange?: boolean } = {}) {
    if (!strange) { for (const kind of ["wgConfigured", "wgHeard"] as const) this.do({ kind }); }
  }

  do(event: PathEvent | GateEvent): string[] {
    this.last = eventsOf(event).flatMap((e) => this.path.handle(e, this.now));
    return this.last.map(word);
  }

  /** Runs from deadline to deadline. */
  elapse(ms: number): [number, string][] {
    const end = this.now + ms;
    const log: [number, string][] = [];
    for (let at = this.path.nextDeadline(); at !== null && at <= end; at = this.path.nextDeadline()) {
      assert.ok(at >= this.now);
      this.now = at;
      for (const what of this.do({ kind: "tick" })) log.push([at - T0, what]);
      assert.ok((this.path.nextDeadline() ?? Infinity) > at, "asks for the same moment again");
    }
    this.now = end;
    return log;
  }

  serial(): number {
    return this.last.find((action) => action.kind === "sendMoved")!.serial;
  }

  /** Acknowledges the last `moved`, and moves the peer there too. */
  follow(rung: string): string[] {
    const serial = this.serial();
    return [...this.do({ kind: "peerMovedAck", serial }), ...this.do({ kind: "peerMoved", rung, serial: this.now })];
  }
}

function word(action: PathAction): string {
  switch (action.kind) {
    case "use":
      return `use ${action.rung}`;
    case "bridgeLateRelayed":
      return `bridge ${action.on ? "on" : "off"}`;
    case "sendMoved":
      return `moved ${action.rung}`;
    case "sendMovedAck":
      return `ack ${action.rung}`;
    case "notify":
      return `notify ${action.rung}`;
    case "release":
      return `release ${action.rung}`;
    default:
      return action.kind;
  }
}

export const selected = (pair = PAIR): PathEvent => ({ kind: "iceSelected", pair, rttMs: 12 });

/** On quic with a peer that is on quic too. */
export function relayed(): Bench {
  const bench = new Bench();
  bench.do({ kind: "gateUp" });
  bench.follow("quic");
  bench.elapse(2_000);
  return bench;
}

/** Direct at both ends, drained. */
export function direct(): Bench {
  const bench = relayed();
  bench.do(selected());
  bench.follow("direct");
  bench.elapse(2_000);
  return bench;
}
