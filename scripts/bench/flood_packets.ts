/** Datagrams with which strangers make a gate work, each taking it as far as it lets them. */
import { createHash, createHmac } from "node:crypto";
import { GATE_ALPN, GATE_PORT } from "../../mesh/wire/gate_session.ts";
import { encodeTicketRequest, GATE_SERVER_NAME } from "../../mesh/wire/gate_ticket.ts";
import { encodeLaneRequest, type Hmac, laneTransaction } from "../../mesh/wire/lane.ts";
import { another, makeInitials } from "../lab/initials.ts";
import { random } from "./load_node.ts";

const COOKIE = 0x2112a442;
/** RFC 8489 sections 5 and 18, RFC 8656 section 18. */
const [BINDING, ALLOCATE] = [0x0001, 0x0003];
const [USERNAME, INTEGRITY, REALM, NONCE, TRANSPORT, SOFTWARE] = [0x0006, 0x0008, 0x0014, 0x0015, 0x0019, 0x8022];
const UDP = Uint8Array.of(17, 0, 0, 0);

const hmac: Hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const text = (value: string) => new TextEncoder().encode(value);
/** As long as links make theirs: a shorter request never reaches coturn (gate/core/turn/ingress.ts). */
const FILLER = text("x".repeat(96));

/** A STUN request; the last attribute may need the bytes before it. */
function stun(
  type: number,
  attributes: readonly [number, Uint8Array][] = [],
  key?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const size = (value: Uint8Array) => 4 + Math.ceil(value.length / 4) * 4;
  const body = attributes.reduce((sum, [, value]) => sum + size(value), 0);
  const out = new Uint8Array(20 + body + (key ? 24 : 0));
  const view = new DataView(out.buffer);
  view.setUint16(0, type);
  view.setUint16(2, out.length - 20);
  view.setUint32(4, COOKIE);
  out.set(random(12), 8);
  let at = 20;
  for (const [kind, value] of attributes) {
    view.setUint16(at, kind);
    view.setUint16(at + 2, value.length);
    out.set(value, at + 4);
    at += size(value);
  }
  if (key) {
    view.setUint16(at, INTEGRITY);
    view.setUint16(at + 2, 20);
    out.set(createHmac("sha1", key).update(out.subarray(0, at)).digest(), at + 4);
  }
  return out;
}

let hello: Uint8Array | undefined;

/** A long-header QUIC packet (RFC 9000 section 17.2) of 1,200 bytes that decrypts to nothing. */
function quic(first: number, version: number): Uint8Array<ArrayBuffer> {
  const bytes = random(1_200);
  bytes[0] = first;
  new DataView(bytes.buffer).setUint32(1, version);
  bytes[5] = bytes[14] = 8; // lengths of the two connection ids
  bytes.set([0, 0x44, 0x96], 23); // no token, and the length of the rest
  return bytes;
}

/** A kind of datagram, and the port that it goes to. */
export interface Packets {
  port: number;
  /** To be done before the first one is made. */
  prepare?(): Promise<void>;
  make(): Uint8Array<ArrayBuffer>;
}

/** By the name that the bench shows. */
export const PACKETS: Record<string, Packets> = {
  /** Nobody's port: what the sender itself costs. */
  "into a closed port": { port: 9, make: () => quic(0xc3, 1) },
  "STUN requests": { port: GATE_PORT + 1, make: () => stun(BINDING) },
  "asks for tickets": { port: GATE_PORT + 1, make: () => encodeTicketRequest(random(12)) },
  /** Whole ones of a client, each the first of a connection whose other end never answers. */
  "QUIC hellos": {
    port: GATE_PORT,
    prepare: async () => {
      [hello] = await makeInitials(1, { alpn: GATE_ALPN, serverName: GATE_SERVER_NAME });
    },
    make: () => another(hello!),
  },
  "QUIC Initials": { port: GATE_PORT, make: () => quic(0xc3, 1) },
  "QUIC of another version": { port: GATE_PORT, make: () => quic(0xc0, 0x1a2a3a4a) },
  "lane proofs, wrong token": {
    port: 40_001,
    make: () => encodeLaneRequest({ end: 0, transaction: laneTransaction(40_001, random(6)) }, random(32), hmac),
  },
  "TURN allocations": { port: GATE_PORT + 2, make: () => stun(ALLOCATE, [[TRANSPORT, UDP], [SOFTWARE, FILLER]]) },
  "TURN, wrong credentials": {
    port: GATE_PORT + 2,
    make: () => {
      const [user, realm] = [`${Math.floor(Date.now() / 1000) + 3_600}:x`, "ghostmesh"];
      const key = createHash("md5").update(`${user}:${realm}:wrong`).digest();
      return stun(ALLOCATE, [[TRANSPORT, UDP], [SOFTWARE, FILLER], [USERNAME, text(user)], [REALM, text(realm)], [
        NONCE,
        text("0".repeat(16)),
      ]], key);
    },
  },
};
