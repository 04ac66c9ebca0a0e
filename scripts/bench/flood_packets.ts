/** Datagrams with which strangers make a gate work, each taking it as far as it lets them. */
import { ALLOCATE } from "../../link/core/turn/client.ts";
import { turnCrypto } from "../../link/host/turn_crypto.ts";
import { utf8 } from "../../mesh/wire/encoding.ts";
import { GATE_ALPN, GATE_PORT } from "../../mesh/wire/gate_session.ts";
import { encodeTicketRequest, GATE_SERVER_NAME } from "../../mesh/wire/gate_ticket.ts";
import { encodeLaneRequest, laneTransaction } from "../../mesh/wire/lane.ts";
import {
  encodeStun,
  field,
  FILLER,
  NONCE,
  REALM,
  REQUESTED_TRANSPORT,
  SOFTWARE,
  type StunDraft,
  USERNAME,
} from "../../mesh/wire/stun/mod.ts";
import { another, makeInitials } from "../lab/initials.ts";
import { random } from "./load_node.ts";

/** What an allocation asks for, filled up as links do it: a shorter request never reaches coturn (gate/core/turn/ingress.ts). */
const ALLOCATION = [field(REQUESTED_TRANSPORT, 17), field(SOFTWARE, FILLER.allocate)];

/** A STUN request, of the method Binding unless said. */
function request(o: Partial<StunDraft> = {}): Uint8Array<ArrayBuffer> {
  return encodeStun({ class: "request", transaction: random(12), fields: [], ...o });
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
  "STUN requests": { port: GATE_PORT + 1, make: () => request() },
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
    make: () =>
      encodeLaneRequest({ end: 0, transaction: laneTransaction(40_001, random(6)) }, random(32), turnCrypto.hmacSha256),
  },
  "TURN allocations": { port: GATE_PORT + 2, make: () => request({ method: ALLOCATE, fields: ALLOCATION }) },
  "TURN, wrong credentials": {
    port: GATE_PORT + 2,
    make: () => {
      const [user, realm] = [`${Math.floor(Date.now() / 1000) + 3_600}:x`, "ghostmesh"];
      const key = turnCrypto.md5(utf8(`${user}:${realm}:wrong`));
      const fields = [...ALLOCATION, field(USERNAME, user), field(REALM, realm), field(NONCE, "0".repeat(16))];
      return request({ method: ALLOCATE, fields, integrity: { key, crypto: turnCrypto } });
    },
  },
};
