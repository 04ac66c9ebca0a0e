/** Connectivity checks as STUN messages, RFC 8445 section 7. Nothing is kept here. */
import { utf8 } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { TransportAddress } from "../../../mesh/wire/stun/address.ts";
import { ERROR_CODE, type StunError } from "../../../mesh/wire/stun/attributes/error_code.ts";
import { ICE_CONTROLLED, ICE_CONTROLLING } from "../../../mesh/wire/stun/attributes/ice_role.ts";
import { NOMINATION } from "../../../mesh/wire/stun/attributes/nomination.ts";
import { PRIORITY } from "../../../mesh/wire/stun/attributes/priority.ts";
import { UNKNOWN_ATTRIBUTES } from "../../../mesh/wire/stun/attributes/unknown_attributes.ts";
import { USE_CANDIDATE } from "../../../mesh/wire/stun/attributes/use_candidate.ts";
import { USERNAME } from "../../../mesh/wire/stun/attributes/username.ts";
import { XOR_MAPPED_ADDRESS } from "../../../mesh/wire/stun/attributes/xor_mapped_address.ts";
import type { StunCrypto } from "../../../mesh/wire/stun/crypto.ts";
import {
  encodeStun,
  type Field,
  field,
  read,
  type StunMessage,
  unknownRequired,
  verifyIntegrity,
} from "../../../mesh/wire/stun/message.ts";

/** What one end of a generation authenticates with. */
export interface Credentials {
  ufrag: string;
  pwd: string;
}

/** Who decides; `tieBreaker` settles it when both think the same. */
export interface Role {
  controlling: boolean;
  tieBreaker: bigint;
}

const ICE_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Fresh credentials: 48 bits of name, 144 bits of password (RFC 8445 section 5.3 asks for 24 and 128). */
export function newCredentials(crypto: StunCrypto): Credentials {
  const text = (n: number) => Array.from(crypto.random(n), (byte) => ICE_CHARS[byte & 63]!).join("");
  return { ufrag: text(8), pwd: text(24) };
}

/** The ufrag of the receiver that a request names; null when it names none, or is malformed there. */
export function receiverOf(message: StunMessage): string | null {
  try {
    const [receiver, sender] = read(message, USERNAME)?.split(":") ?? [];
    return receiver === undefined || sender === undefined ? null : receiver;
  } catch (error) {
    if (error instanceof GhostError) return null;
    throw error;
  }
}

export interface CheckRequest {
  transaction: Uint8Array;
  local: Credentials;
  remote: Credentials;
  role: Role;
  /** The priority that this end would have as a peer-reflexive candidate. */
  priority: number;
  /** The counter of the nomination, when this check nominates. */
  nomination?: number;
}

/** A Binding request (section 7.2.2). */
export function encodeCheck(o: CheckRequest, crypto: StunCrypto): Uint8Array {
  const fields: Field[] = [
    field(USERNAME, `${o.remote.ufrag}:${o.local.ufrag}`),
    field(PRIORITY, o.priority),
    field(o.role.controlling ? ICE_CONTROLLING : ICE_CONTROLLED, o.role.tieBreaker),
  ];
  if (o.nomination !== undefined) fields.push(field(USE_CANDIDATE, true), field(NOMINATION, o.nomination));
  const integrity = { key: utf8(o.remote.pwd), crypto };
  return encodeStun({ class: "request", transaction: o.transaction, fields, integrity, fingerprint: true });
}

/** A peer's check that is authentic. */
export interface IncomingCheck {
  transaction: Uint8Array;
  /** The peer's ufrag. */
  sender: string;
  priority: number;
  /** Null when the peer sends no role, which only a very old one does. */
  role: Role | null;
  nominates: boolean;
  nomination: number | null;
  algorithm: "sha1" | "sha256";
}

/** A check that is refused, and how: `answer` is null when silence is the answer. */
export interface RefusedCheck {
  error: StunError;
  answer: Uint8Array;
}

/**
 * Reads a request that names this end's ufrag.
 * @throws GhostError `bad_input` when it is malformed
 */
export function readCheck(
  message: StunMessage,
  o: { local: Credentials; crypto: StunCrypto },
): IncomingCheck | RefusedCheck {
  const algorithm = verifyIntegrity(message, { key: utf8(o.local.pwd), crypto: o.crypto });
  const refuse = (error: StunError, ...more: Field[]): RefusedCheck => {
    const fields = [field(ERROR_CODE, error), ...more];
    return {
      error,
      answer: answer(message.transaction, "error", { fields, local: o.local, crypto: o.crypto, algorithm }),
    };
  };
  // The reason is left out: an answer to somebody unknown stays smaller than the question.
  if (algorithm === null) return refuse({ code: 401, reason: "" });
  const unknown = unknownRequired(message);
  if (unknown.length > 0) return refuse({ code: 420, reason: "" }, field(UNKNOWN_ATTRIBUTES, unknown));
  const priority = read(message, PRIORITY);
  const sender = read(message, USERNAME)!.split(":")[1]!;
  if (priority === undefined) return refuse({ code: 400, reason: "" });
  const controlling = read(message, ICE_CONTROLLING);
  const controlled = read(message, ICE_CONTROLLED);
  const tieBreaker = controlling ?? controlled;
  return {
    transaction: message.transaction,
    sender,
    priority,
    role: tieBreaker === undefined ? null : { controlling: controlling !== undefined, tieBreaker },
    nominates: read(message, USE_CANDIDATE) ?? false,
    nomination: read(message, NOMINATION) ?? null,
    algorithm,
  };
}

interface AnswerOptions {
  fields: Field[];
  local: Credentials;
  crypto: StunCrypto;
  algorithm: "sha1" | "sha256" | null;
}

function answer(transaction: Uint8Array, kind: "success" | "error", o: AnswerOptions): Uint8Array {
  const integrity = { key: utf8(o.local.pwd), crypto: o.crypto };
  return encodeStun({
    class: kind,
    transaction,
    fields: o.fields,
    ...(o.algorithm === null ? {} : { integrity: { ...integrity, algorithm: o.algorithm } }),
    fingerprint: true,
  });
}

/** The answer that tells the peer where its check came from. */
export function encodeSuccess(
  check: IncomingCheck,
  o: { from: TransportAddress; local: Credentials; crypto: StunCrypto },
): Uint8Array {
  return answer(check.transaction, "success", { ...o, ...check, fields: [field(XOR_MAPPED_ADDRESS, o.from)] });
}

/** "Role Conflict", RFC 8445 section 7.3.1.1. */
export function encodeConflict(check: IncomingCheck, o: { local: Credentials; crypto: StunCrypto }): Uint8Array {
  return answer(check.transaction, "error", { ...o, ...check, fields: [field(ERROR_CODE, { code: 487, reason: "" })] });
}

/** What an answer to one of our checks says. Null when it can't be believed. @throws GhostError `bad_input` */
export function readAnswer(
  message: StunMessage,
  o: { remote: Credentials; crypto: StunCrypto },
): { mapped: TransportAddress } | { error: number } | null {
  // Errors that a stranger could have made (401 carries no integrity) count for nothing: the pair then fails by time.
  if (verifyIntegrity(message, { key: utf8(o.remote.pwd), crypto: o.crypto }) === null) return null;
  if (message.class === "error") return { error: read(message, ERROR_CODE)?.code ?? 400 };
  const mapped = read(message, XOR_MAPPED_ADDRESS);
  return mapped === undefined ? null : { mapped };
}
