/**
 * The session between a node and a gate: QUIC, ALPN `ghostgate/1`, the gate's certificate pinned by the hash in its record.
 *
 * One bidirectional stream, opened by the node, carries control messages: a length (4 bytes, big endian, at most
 * MAX_CONTROL) and that many bytes of JSON. Datagrams carry packets (see the frame layout below).
 *
 * ```
 * node                                             gate
 *  | hello {net, key, nonce}                        |
 *  |--------------------------------------------->  |
 *  |        challenge {key, nonce, proof}           |   proof: JWS SESSION_TYP by the gate over SessionClaims
 *  | <--------------------------------------------- |
 *  | auth {record, proof, head}, watch {nodes}      |   proof: the same claims with role "node", by the node
 *  |--------------------------------------------->  |
 *  |        welcome {observed, head} | refused      |
 * ```
 * An admin, who has no session, hands over ledger entries instead: `hand {proof, entries}` in the place of `auth`, answered by
 * `handed {head}`, and the connection ends. So a coordinator that keeps them to itself delays nothing.
 *
 * The proofs sign both keys, both nonces, the network and the certificate's hash, because QUIC in Deno shows no TLS
 * exporter: a proof made for one gate cannot be relayed to another.
 */
import { GhostError } from "./errors.ts";
import { fromBase32, fromUtf8, parseJson, toBase32, utf8 } from "./encoding.ts";
import { ledgerHead, ledgerMessages } from "./ledger.ts";
import { turnCredentials } from "./turn.ts";
import { jws, key32, networkId, nodeId, parse, port, z } from "./schema.ts";

export const GATE_ALPN = "ghostgate/1";

/** Why a gate ends a session when the same node has made a newer one; what the node reads as the reason. */
export const GATE_REPLACED = "A newer session of this node took its place";
/** Why a gate ends a lane over which no data goes. */
export const LANE_IDLE = "idle";
/** So many nodes at most may be named by a `watch` that comes right after `auth`, before the welcome: its answer comes with that. */
export const EARLY_WATCH = 256;
/** Default UDP port of a gate's QUIC server; its STUN service is on the next one. */
export const GATE_PORT = 3478;
export const SESSION_TYP = "ghostmesh-session+jwt";
/** Largest control message, in bytes. */
export const MAX_CONTROL = 65_536;
/** Largest sealed signalling message, in base64url characters. */
const MAX_BOX = 16_384;

/** What both ends of a session sign. */
export const sessionClaims = z.strictObject({
  role: z.enum(["gate", "node"]),
  net: networkId,
  gate: key32,
  node: key32,
  cert: key32,
  nonces: z.tuple([key32, key32]),
});
export type SessionClaims = z.infer<typeof sessionClaims>;

/** Which of a lane's two ends: 0 is the node with the smaller id. */
const laneEnd = z.union([z.literal(0), z.literal(1)]);
export type LaneEnd = z.infer<typeof laneEnd>;

const ping = z.strictObject({ t: z.literal("ping"), n: z.int().min(0) });
const pong = z.strictObject({ t: z.literal("pong"), n: z.int().min(0) });

/** Control messages of a node. */
export const fromNode = z.discriminatedUnion("t", [
  z.strictObject({ t: z.literal("hello"), net: networkId, key: key32, nonce: key32 }),
  z.strictObject({ t: z.literal("auth"), record: jws, proof: jws, head: ledgerHead }),
  /** Instead of `auth`, by an admin's key: entries that it has signed. */
  z.strictObject({ t: z.literal("hand"), proof: jws, entries: z.array(jws).min(1).max(64) }),
  /** A newer record of the same node. */
  z.strictObject({ t: z.literal("record"), record: jws }),
  /** My newest ledger head: whoever knows more hands it on, and who knows less asks. */
  z.strictObject({ t: z.literal("head"), head: ledgerHead }),
  ...ledgerMessages,
  z.strictObject({ t: z.literal("signal"), to: nodeId, box: z.string().max(MAX_BOX) }),
  /** Tell from now on whether these nodes have a session here (replaces the list before). */
  z.strictObject({ t: z.literal("watch"), nodes: z.array(nodeId).max(2000) }),
  /** Whether this node wants a lane with another one here; it gets one while both want it (see below). Said again now and then. */
  z.strictObject({ t: z.literal("lane"), node: nodeId, want: z.boolean() }),
  /** Asks for credentials of the gate's TURN service; a gate without one does not answer. */
  z.strictObject({ t: z.literal("turn") }),
  ping,
  pong,
]);
export type FromNode = z.infer<typeof fromNode>;

/** Control messages of a gate. */
export const fromGate = z.discriminatedUnion("t", [
  z.strictObject({ t: z.literal("challenge"), key: key32, nonce: key32, proof: jws }),
  /** `lanes`: whether this gate gives any. */
  z.strictObject({ t: z.literal("welcome"), observed: z.string().max(64), lanes: z.boolean(), head: ledgerHead }),
  z.strictObject({ t: z.literal("handed"), head: ledgerHead }),
  z.strictObject({ t: z.literal("refused"), code: z.string().max(64), message: z.string().max(512) }),
  z.strictObject({ t: z.literal("signal"), from: nodeId, box: z.string().max(MAX_BOX) }),
  z.strictObject({ t: z.literal("presence"), node: nodeId, up: z.boolean() }),
  z.strictObject({ t: z.literal("head"), head: ledgerHead }),
  /** A lane with `node`: its UDP port, and the secret by which this `end` proves its address there (mesh/wire/lane.ts). */
  z.strictObject({ t: z.literal("lane"), node: nodeId, port, end: laneEnd, token: key32 }),
  /** Both ends have proved an address: packets cross. `family` is the one in which this end uses the port. */
  z.strictObject({ t: z.literal("lane-ready"), node: nodeId, port, family: z.union([z.literal(4), z.literal(6)]) }),
  /** There is no lane with `node` any more, or none can be had; it goes a moment later where `reason` lets it. */
  z.strictObject({ t: z.literal("lane-ended"), node: nodeId, reason: z.string().max(64) }),
  /** Credentials for the gate's TURN service; unasked when those that were given out count no longer. */
  z.strictObject({ t: z.literal("turn"), ...turnCredentials.shape }),
  ...ledgerMessages,
  /** This gate is about to stop: go elsewhere now. */
  z.strictObject({ t: z.literal("bye") }),
  ping,
  pong,
]);
export type FromGate = z.infer<typeof fromGate>;

/** Bytes of the length in front of a control message. */
const HEAD = 4;

/** A control message with its length in front. */
export function encodeControl(message: FromNode | FromGate): Uint8Array<ArrayBuffer> {
  const body = utf8(JSON.stringify(message));
  if (body.length > MAX_CONTROL) throw new GhostError("too_large", "Control message too large", { place: message.t });
  const out = new Uint8Array(4 + body.length);
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
}

/** Cuts a byte stream into control messages; never holds more than one message, in a buffer that grows as it comes. */
export class ControlReader<T> {
  #buffer = new Uint8Array(1024);
  #length = 0;
  readonly #schema: z.ZodType<T>;

  constructor(schema: z.ZodType<T>) {
    this.#schema = schema;
  }

  /**
   * The messages that are complete with this chunk.
   * @throws GhostError `too_large` or `bad_input`; the stream is then of no more use
   */
  push(chunk: Uint8Array): T[] {
    const out: T[] = [];
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + this.#missing());
      this.#keep(part);
      at += part.length;
      if (this.#missing() > 0) continue;
      const body = fromUtf8(this.#buffer.subarray(HEAD, this.#length), "control");
      this.#length = 0;
      out.push(parse(this.#schema, parseJson(body, { place: "control" }), "control"));
    }
    return out;
  }

  /** Bytes until the length, and with it until the message, is whole. */
  #missing(): number {
    if (this.#length < HEAD) return HEAD - this.#length;
    const length = new DataView(this.#buffer.buffer).getUint32(0);
    if (length > MAX_CONTROL) {
      throw new GhostError("too_large", `Control message of ${length} bytes`, { place: "control" });
    }
    return HEAD + length - this.#length;
  }

  #keep(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#length);
    this.#length = length;
  }
}

/*
 * Datagrams. To the gate `node` is the destination, from the gate the source.
 *
 *   0        1                17
 *   | type 1 | node id (16)   | packet ...                 whole packet
 *   | type 2 | node id (16)   | serial (2) | first half    a packet too large for the path's first second (1,162 bytes)
 *   | type 3 | node id (16)   | serial (2) | second half
 */
export const FRAME_PACKET = 1;
export const FRAME_FIRST = 2;
export const FRAME_SECOND = 3;
/** Bytes of type and node id before what a frame carries. */
export const FRAME_HEADER = 17;
/** Largest packet inside frames: a full WireGuard packet at an MTU of 1420, rounded up. */
export const MAX_PACKET = 1500;

/** The 16 bytes of a node id, as frames carry it. */
export function nodeIdBytes(id: string): Uint8Array {
  return fromBase32(id, "node id");
}

/** The node id in a frame; the frame must have FRAME_HEADER bytes. */
export function frameNodeId(frame: Uint8Array): string {
  return toBase32(frame.subarray(1, FRAME_HEADER));
}
