/**
 * DNS messages as bytes, by dns-packet. Whatever comes in is bounded before it is decoded, and one that is not a plain
 * question (RFC 1035, section 4.1) is answered with its error or not at all.
 */
// @ts-types="@types/dns-packet"
import { AUTHORITATIVE_ANSWER, decode, encode, type Packet, RECURSION_AVAILABLE } from "dns-packet";
import { Buffer } from "node:buffer";
import { ZONE_TTL, type ZoneAnswer } from "../../core/dns/mod.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";

/** Longest query that is looked at. A question with EDNS options takes some 100 bytes. */
export const MAX_QUERY = 2048;
/** What a client without EDNS takes over UDP (RFC 1035, section 4.2.1). */
const PLAIN_UDP = 512;
/** What is promised and taken at most over UDP (RFC 9715). */
const MAX_UDP = 1232;

/** Response codes (RFC 1035, section 4.1.1). */
export const RCODE = { ok: 0, format: 1, failure: 2, unknown: 3, notImplemented: 4, refused: 5 } as const;

/** A query that can be worked on. */
export interface Query {
  id: number;
  name: string;
  type: string;
  /** How long a UDP answer may be. */
  room: number;
  edns: boolean;
  packet: Packet;
}

/** What a packet is: a query, a wrong one with the answer to it, or nothing to be answered. */
export function readQuery(bytes: Uint8Array): Query | { reply: Bytes } | null {
  if (bytes.length < 12 || bytes.length > MAX_QUERY || (bytes[2]! & 0x80) !== 0) return null;
  const id = bytes[0]! << 8 | bytes[1]!;
  if ((bytes[2]! >> 3 & 15) !== 0) return { reply: header(id, RCODE.notImplemented) };
  // One question, and beside it an OPT or a signature at most: nobody sends more, and each costs time.
  const counts = [4, 6, 8, 10].map((at) => bytes[at]! << 8 | bytes[at + 1]!);
  if (counts[0] !== 1 || counts[1]! + counts[2]! > 0 || counts[3]! > 2) return { reply: header(id, RCODE.format) };
  let packet: Packet;
  try {
    packet = decode(buffer(bytes));
  } catch {
    return { reply: header(id, RCODE.format) };
  }
  const [question] = packet.questions!;
  const name = question!.name;
  if ((question!.class ?? "IN") !== "IN" || name.length > 253) return { reply: header(id, RCODE.refused) };
  const opt = packet.additionals!.find((a) => a.type === "OPT");
  const room = opt?.type === "OPT" ? Math.min(MAX_UDP, Math.max(PLAIN_UDP, opt.udpPayloadSize ?? 0)) : PLAIN_UDP;
  return { id, name, type: question!.type, room, edns: opt !== undefined, packet };
}

/** The answer of our own zone. */
export function zoneReply(query: Query, answer: ZoneAnswer): Bytes {
  const soa = {
    type: "SOA" as const,
    name: answer.zone,
    ttl: ZONE_TTL,
    data: {
      mname: answer.zone,
      rname: `nobody.${answer.zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: ZONE_TTL,
    },
  };
  return write(query, answer.exists ? RCODE.ok : RCODE.unknown, {
    answers: answer.records.map((record) => ({ ...record, name: query.name, ttl: ZONE_TTL, class: "IN" as const })),
    authorities: answer.records.length > 0 ? [] : [soa],
  });
}

/** An answer without records. */
export function emptyReply(query: Query, rcode: number): Bytes {
  return write(query, rcode, { answers: [], authorities: [] });
}

function write(query: Query, rcode: number, o: Pick<Packet, "answers" | "authorities">): Bytes {
  const desired = (query.packet.flags ?? 0) & 0x0100;
  return own(encode({
    ...o,
    type: "response",
    id: query.id,
    flags: AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | desired | rcode,
    questions: query.packet.questions!,
    ...(query.edns ? { additionals: [{ ...OPT }] } : {}),
  } as Packet));
}

const OPT = {
  type: "OPT" as const,
  name: ".",
  udpPayloadSize: MAX_UDP,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** A query as it goes to another server: with a number of our own. */
export function withId(bytes: Uint8Array, id: number): Bytes {
  const copy = new Uint8Array(bytes);
  new DataView(copy.buffer).setUint16(0, id);
  return copy;
}

/** True when `bytes` answer the question that was asked with this number. */
export function answers(bytes: Uint8Array, id: number, query: Query): boolean {
  if (bytes.length < 12 || (bytes[2]! & 0x80) === 0 || (bytes[0]! << 8 | bytes[1]!) !== id) return false;
  try {
    // The question alone: what follows is the client's to read.
    const head = new Uint8Array(bytes);
    head.fill(0, 6, 12);
    const [question] = decode(buffer(head)).questions!;
    return question?.type === query.type && question.name.toLowerCase() === query.name.toLowerCase();
  } catch {
    return false;
  }
}

/** An answer that fits over UDP: one that is too long says so, and the client asks again over TCP. */
export function fitted(bytes: Bytes, query: Query): Bytes {
  if (bytes.length <= query.room) return bytes;
  const short = emptyReply(query, bytes[3]! & 15);
  short[2] = short[2]! & ~0x04 | 0x02;
  return short;
}

function header(id: number, rcode: number): Bytes {
  return new Uint8Array([id >> 8, id & 255, 0x80, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/** dns-packet reads with Node's Buffer; over the same memory. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function own(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
