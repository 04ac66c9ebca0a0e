/** The peer of an IceAgent that a test plays itself: its checks, and its answers to those of the agent. */
import { utf8 } from "../../../../mesh/wire/encoding.ts";
import type { WireCandidate } from "../../../../mesh/wire/signal.ts";
import {
  decodeStun,
  encodeStun,
  type Field,
  field,
  ICE_CONTROLLING,
  PRIORITY,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from "../../../../mesh/wire/stun/mod.ts";
import { seeded, testCrypto } from "../../../../mesh/wire/stun/testdata/crypto.ts";
import { type IceAction, IceAgent } from "../mod.ts";

/** The same bytes in every run. */
export const crypto = testCrypto(seeded(11));
/** The agent's own address, and two others. */
export const BASE = { address: "10.0.0.2", port: 51820 };
export const THERE = { address: "203.0.113.5", port: 40000 };
export const ELSEWHERE = { address: "203.0.113.6", port: 40000 };
/** The credentials of the peer that the tests play themselves. */
export const PEER = { ufrag: "PEER", pwd: "peerpeerpeerpeerpeerpeer" };

/** A packet that the agent sends. */
export type Send = Extract<IceAction, { kind: "send" }>;

/** An agent with one local candidate, which knows of no peer. */
export function agent(role: "controlling" | "controlled" = "controlled"): IceAgent {
  const made = new IceAgent({ role, tieBreaker: 1000n, crypto });
  made.handle({ kind: "localCandidate", type: "host", ...BASE, base: BASE }, 0);
  return made;
}

/** What the peer tells of an address. */
export function candidate(at: { address: string; port: number }, type: WireCandidate["type"] = "host"): WireCandidate {
  return { type, ...at, priority: 2_000_000_000, foundation: "1" };
}

/** Knows the peer's credentials and one address of it. */
export function introduced(role: "controlling" | "controlled" = "controlled"): IceAgent {
  const made = agent(role);
  made.handle({ kind: "remoteCredentials", ...PEER, reply: false }, 0);
  made.handle({ kind: "remoteCandidate", candidate: candidate(THERE) }, 0);
  return made;
}

/** The peer's check. */
export function check(
  to: IceAgent,
  o: { fields?: Field[]; pwd?: string; username?: string; tie?: bigint } = {},
): Uint8Array {
  return encodeStun({
    class: "request",
    transaction: crypto.random(12),
    fields: [
      field(USERNAME, o.username ?? `${to.local.ufrag}:${PEER.ufrag}`),
      field(PRIORITY, 1_000_000),
      field(ICE_CONTROLLING, o.tie ?? 5n),
      ...(o.fields ?? []),
    ],
    integrity: { key: utf8(o.pwd ?? to.local.pwd), crypto },
    fingerprint: true,
  });
}

/** The packets among actions. */
export function sends(actions: IceAction[]): Send[] {
  return actions.filter((action) => action.kind === "send");
}

/** The answer of a peer that knows its password to one of the agent's checks. */
export function answerTo(send: Send, pwd = PEER.pwd): Uint8Array {
  const { transaction } = decodeStun(send.bytes);
  return encodeStun({
    class: "success",
    transaction,
    fields: [field(XOR_MAPPED_ADDRESS, send.from)],
    integrity: { key: utf8(pwd), crypto },
    fingerprint: true,
  });
}

/** Runs from deadline to deadline. */
export function elapse(made: IceAgent, until: number): IceAction[] {
  const actions: IceAction[] = [];
  for (let at = made.nextDeadline(); at !== null && at <= until; at = made.nextDeadline()) {
    actions.push(...made.handle({ kind: "tick" }, at));
  }
  return actions;
}

/** A packet that reaches the agent. */
export const from = (bytes: Uint8Array, at = THERE) => ({ kind: "datagram" as const, from: at, to: BASE, bytes });
