/**
 * What two nodes tell each other through a gate or the coordinator's mailbox, sealed with HPKE (trust/seal.ts), so that
 * neither can read or write it. Every message carries the sender's ledger head, and a counter that only grows
 * (max(milliseconds now, last + 1)), so that a replayed or reordered old box is dropped.
 */
import { jws, key32, nodeId, parse, port, z } from "./schema.ts";
import { ledgerHead, ledgerMessages } from "./ledger.ts";

/** An ICE candidate (RFC 8445 section 5.1). */
export const candidate = z.strictObject({
  type: z.enum(["host", "srflx", "prflx", "relay"]),
  address: z.union([z.ipv4(), z.ipv6()]),
  port,
  priority: z.int().min(1).max(2 ** 31 - 1),
  foundation: z.string().min(1).max(32).regex(/^[A-Za-z0-9+/]+$/),
});
export type WireCandidate = z.infer<typeof candidate>;

const ice = {
  ufrag: z.string().min(4).max(256).regex(/^[A-Za-z0-9+/]+$/),
  pwd: z.string().min(22).max(256).regex(/^[A-Za-z0-9+/]+$/),
};

const body = z.discriminatedUnion("t", [
  /** A (re)start of ICE with all candidates known so far; answered by the other side's own `ice`. `reply` marks the answer. */
  z.strictObject({ t: z.literal("ice"), ...ice, reply: z.boolean(), candidates: z.array(candidate).max(32) }),
  /** "Would you probe, if I opened many ports towards you?" `ufrag` is the sender's generation, which the answer names too. */
  z.strictObject({ t: z.literal("guess-ask"), ufrag: ice.ufrag }),
  /** `hard`: "my NAT gives every destination another port too"; `off`: "I do not guess"; `busy`: "with another one, ask again". */
  z.strictObject({ t: z.literal("guess-answer"), ufrag: ice.ufrag, say: z.enum(["yes", "hard", "off", "busy"]) }),
  /**
   * "My NAT gives every destination another port, and I have opened many towards you: probe this address" (one of my
   * candidates). `ufrag` is the sender's generation; `row` are the ports that its NAT will probably give out.
   */
  z.strictObject({
    t: z.literal("guess"),
    ufrag: ice.ufrag,
    address: z.ipv4(),
    row: z.strictObject({
      from: port,
      step: z.int().min(-64).max(64).refine((step) => step !== 0),
      count: z.int().min(1).max(4096),
    }).nullable(),
  }),
  /** Trickled candidates (RFC 8838) for the generation named by ufrag. */
  z.strictObject({ t: z.literal("candidates"), ufrag: ice.ufrag, candidates: z.array(candidate).max(32) }),
  /** "I send on this rung now"; `serial` grows with every change. Answered by `moved-ack`. */
  z.strictObject({ t: z.literal("moved"), rung: z.string().max(16), serial: z.int().min(0) }),
  z.strictObject({ t: z.literal("moved-ack"), rung: z.string().max(16), serial: z.int().min(0) }),
  /** My round trips to the gates where we both are, in ms, and (from the end with the smaller id) where we meet. */
  z.strictObject({
    t: z.literal("meet"),
    gate: nodeId.nullable(),
    rtts: z.array(z.strictObject({ gate: nodeId, rttMs: z.number().min(0).max(60_000) })).max(8),
  }),
  /** "Ask this gate for a lane with me too"; by `ufrag` and `pwd` the ends check it, end to end. */
  z.strictObject({ t: z.literal("lane"), gate: nodeId, ...ice }),
  /**
   * "My address at a TURN server": answered by the peer's own, and then each end lets the other's address through. `gate` is the
   * gate whose server it is, null for another one; by the sender's `key` its checks are known.
   */
  z.strictObject({
    t: z.literal("turn"),
    gate: nodeId.nullable(),
    address: z.union([z.ipv4(), z.ipv6()]),
    port,
    key: key32,
    /** The sender has no address of the peer yet, or another one than the peer's newest. */
    ask: z.boolean(),
  }),
  /** One of WireGuard's own handshake messages, while no rung leads to the peer (link/core/handshake/post.ts). */
  z.strictObject({ t: z.literal("wireguard"), packet: z.string().min(1).max(200).regex(/^[A-Za-z0-9_-]+$/) }),
  /** My newest record, in case the coordinator is away or hides it. */
  z.strictObject({ t: z.literal("record"), record: jws }),
  /** "I have seen your next WireGuard key." */
  z.strictObject({ t: z.literal("key-seen"), wg: key32 }),
  /** "I use my next key now": the record that says so. */
  z.strictObject({ t: z.literal("key-switched"), record: jws }),
  z.strictObject({ t: z.literal("echo"), n: z.int().min(0) }),
  z.strictObject({ t: z.literal("echo-reply"), n: z.int().min(0) }),
  ...ledgerMessages,
]);
export type SignalBody = z.infer<typeof body>;

/** A message in its box: `n` grows with the sender's clock in ms, `head` is the ledger that the sender has. */
export const signal = z.strictObject({ v: z.literal(1), n: z.int().min(0), head: ledgerHead, body });
export type Signal = z.infer<typeof signal>;

/** Reads an opened box. @throws GhostError `bad_input` */
export function parseSignal(value: unknown): Signal {
  return parse(signal, value, "signal");
}
