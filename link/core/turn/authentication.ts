/**
 * Long-term credentials (RFC 8489 section 9.2): the first request goes without, the server's 401 brings realm and nonce,
 * and every later request is signed by MD5(user ":" realm ":" password) until a 438 brings another nonce.
 * Left out: USERHASH and PASSWORD-ALGORITHMS. A client that names no algorithm is taken for one of MD5 (section 9.2.4).
 */
import { utf8 } from "../../../mesh/wire/encoding.ts";
import {
  encodeStun,
  type Field,
  field,
  FILLER,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  NONCE,
  read,
  REALM,
  SOFTWARE,
  type StunMessage,
  USERNAME,
  verifyIntegrity,
} from "../../../mesh/wire/stun/mod.ts";
import type { TurnCredentials, TurnCrypto } from "./event.ts";

const INTEGRITY = new Set([MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256]);

/** Signs requests and checks answers. */
export class Authentication {
  readonly #credentials: TurnCredentials;
  readonly #crypto: TurnCrypto;
  #realm: string | null = null;
  #nonce = "";
  #key: Uint8Array = new Uint8Array();

  constructor(credentials: TurnCredentials, crypto: TurnCrypto) {
    this.#credentials = credentials;
    this.#crypto = crypto;
  }

  /** True when requests are signed. */
  get ready(): boolean {
    return this.#realm !== null;
  }

  /**
   * Takes realm and nonce of a 401 or 438; false when it brings none that are new, so that a request need not be repeated.
   * @throws GhostError `bad_input`
   */
  challenge(message: StunMessage): boolean {
    const realm = read(message, REALM) ?? this.#realm;
    const nonce = read(message, NONCE);
    if (realm === null || nonce === undefined || (realm === this.#realm && nonce === this.#nonce)) return false;
    const { username, password } = this.#credentials;
    this.#key = this.#crypto.md5(utf8(`${username}:${realm}:${password}`));
    this.#realm = realm;
    this.#nonce = nonce;
    return true;
  }

  /** A request with these fields, signed when there is something to sign with. */
  request(method: number, o: { transaction: Uint8Array; fields: Field[] }): Uint8Array<ArrayBuffer> {
    const { transaction } = o;
    if (this.#realm === null) {
      const fields = [...o.fields, field(SOFTWARE, FILLER.allocate)];
      return encodeStun({ class: "request", method, transaction, fields, fingerprint: true });
    }
    const fields = [
      ...o.fields,
      field(USERNAME, this.#credentials.username),
      field(REALM, this.#realm),
      field(NONCE, this.#nonce),
    ];
    const integrity = { key: this.#key, crypto: this.#crypto };
    return encodeStun({ class: "request", method, transaction, fields, integrity, fingerprint: true });
  }

  /**
   * Whether an answer may be believed. A success has to be signed once requests are. An error may come unsigned: who could
   * forge one has read the request, and then sits where it could as well have stopped it.
   */
  holds(message: StunMessage): boolean {
    if (!message.attributes.some((a) => INTEGRITY.has(a.type))) return message.class === "error" || !this.ready;
    return !this.ready || verifyIntegrity(message, { key: this.#key, crypto: this.#crypto }) !== null;
  }
}
