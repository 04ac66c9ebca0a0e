/** A node's side of a session with a gate of gate/host/testing_gate.ts, for tests. */
import { random, type TestNode } from "../gate/host/testing.ts";
import type { GateEvents } from "../link/host/gate_client.ts";
import type { VerifiedGate } from "../mesh/trust/record.ts";

export const nothing = () => {};
export const noEvents: Omit<GateEvents, "closed"> = {
  signal: nothing,
  presence: nothing,
  packet: nothing,
  head: nothing,
  about: nothing,
  turn: nothing,
  measured: nothing,
  leaving: nothing,
  ledger: nothing,
};

/** What a node knows of a gate with these addresses. */
export function gateAt(gate: { port: number; stun: number; key: string; cert: string }, hosts: string[]): VerifiedGate {
  const record = { name: "g", hosts, quic: gate.port, stun: gate.stun, cert: gate.cert };
  return { id: "g".repeat(32), key: gate.key, record } as unknown as VerifiedGate;
}

/** Who dials. */
export const dialOf = (node: TestNode) => ({
  net: node.net,
  key: node.key,
  record: node.record,
  head: node.head,
  random,
  now: () => Date.now(),
});
