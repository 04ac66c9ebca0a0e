/** A small TURN server in memory for the client's tests: it grants, refuses and forgets as a test wants. */
import { createHash } from "node:crypto";
import { seeded, testCrypto } from "../../../../mesh/wire/stun/testdata/crypto.ts";
import {
  CHANNEL_NUMBER,
  DATA,
  decodeStun,
  encodeStun,
  endpointText,
  ERROR_CODE,
  type Field,
  field,
  LIFETIME,
  NONCE,
  read,
  REALM,
  sameAddress,
  type StunMessage,
  type TransportAddress,
  verifyIntegrity,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from "../../../../mesh/wire/stun/mod.ts";
import { ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA_INDICATION, REFRESH, SEND } from "../client.ts";
import { decodeChannelData, encodeChannelData } from "../frame.ts";
import type { TurnCrypto } from "../event.ts";

const REALM_NAME = "example.com";
export const CREDENTIALS = { username: "1900000000:alice", password: "secret" };
export const RELAYED = { address: "203.0.113.20", port: 61000 };
export const MAPPED = { address: "198.51.100.7", port: 4242 };

/** Crypto for both sides. */
export function turnCrypto(seed = 1): TurnCrypto {
  return {
    ...testCrypto(seeded(seed)),
    md5: (data) => new Uint8Array(createHash("md5").update(data).digest()),
  };
}

/** See the module's header. */
export class FakeServer {
  readonly crypto: TurnCrypto = turnCrypto(99);
  readonly requests: { method: number; lifetime: number | undefined }[] = [];
  /** What peers got, by their address. */
  readonly delivered: { peer: string; data: Uint8Array; how: "send" | "channel" }[] = [];
  nonce = "nonce-1";
  allocated = false;
  lifetime = 600;
  permissions: Set<string> = new Set();
  channels: Map<number, TransportAddress> = new Map();
  /** Refuses the next requests of this method with these codes, in turn. */
  refuse: Map<number, number[]> = new Map();

  /** Answers one message; null when it says nothing. */
  take(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
    const channel = decodeChannelData(bytes);
    if (channel) {
      const peer = this.channels.get(channel.channel);
      if (peer) this.delivered.push({ peer: endpointText(peer), data: channel.data.slice(), how: "channel" });
      return null;
    }
    const message = decodeStun(bytes);
    if (message.class === "indication" && message.method === SEND) {
      const peer = read(message, XOR_PEER_ADDRESS)!;
      if (this.permissions.has(peer.address)) {
        this.delivered.push({ peer: endpointText(peer), data: read(message, DATA)!.slice(), how: "send" });
      }
      return null;
    }
    return this.#request(message);
  }

  #request(message: StunMessage): Uint8Array<ArrayBuffer> {
    const { method } = message;
    const lifetime = read(message, LIFETIME);
    this.requests.push({ method, lifetime });
    const nonce = read(message, NONCE);
    if (nonce === undefined) return this.error(message, 401, this.#challenge());
    if (verifyIntegrity(message, { key: this.key(), crypto: this.crypto }) === null) {
      return this.error(message, 401, this.#challenge());
    }
    if (nonce !== this.nonce) return this.error(message, 438, this.#challenge());
    const code = this.refuse.get(method)?.shift();
    if (code !== undefined) return this.error(message, code);
    switch (method) {
      case ALLOCATE:
        if (this.allocated) return this.error(message, 437);
        this.allocated = true;
        return this.success(message, [
          field(XOR_RELAYED_ADDRESS, RELAYED),
          field(XOR_MAPPED_ADDRESS, MAPPED),
          field(LIFETIME, this.lifetime),
        ]);
      case REFRESH:
        if (!this.allocated) return this.error(message, 437);
        if (lifetime === 0) this.allocated = false;
        return this.success(message, [field(LIFETIME, lifetime === 0 ? 0 : this.lifetime)]);
      case CREATE_PERMISSION:
        this.permissions.add(read(message, XOR_PEER_ADDRESS)!.address);
        return this.success(message, []);
      case CHANNEL_BIND: {
        const [number, peer] = [read(message, CHANNEL_NUMBER)!, read(message, XOR_PEER_ADDRESS)!];
        // Section 12: a number and a peer stay bound to each other.
        const other = [...this.channels].some(([n, p]) => (n === number) !== sameAddress(p, peer));
        if (other) return this.error(message, 400);
        this.channels.set(number, peer);
        return this.success(message, []);
      }
    }
    throw new Error(`Unexpected method ${method}`);
  }

  #challenge(): Field[] {
    return [field(REALM, REALM_NAME), field(NONCE, this.nonce)];
  }

  /** The long-term key of the credentials. */
  key(): Uint8Array {
    const { username, password } = CREDENTIALS;
    return this.crypto.md5(new TextEncoder().encode(`${username}:${REALM_NAME}:${password}`));
  }

  success(message: StunMessage, fields: Field[], key = this.key()): Uint8Array<ArrayBuffer> {
    const { method, transaction } = message;
    const integrity = { key, crypto: this.crypto };
    return encodeStun({ class: "success", method, transaction, fields, integrity, fingerprint: true });
  }

  error(message: StunMessage, code: number, fields: Field[] = []): Uint8Array<ArrayBuffer> {
    const { method, transaction } = message;
    const all = [field(ERROR_CODE, { code, reason: "No" }), ...fields];
    return encodeStun({ class: "error", method, transaction, fields: all, fingerprint: true });
  }

  /** A packet of a peer on its way to the client: over the channel when there is one. */
  fromPeer(peer: TransportAddress, data: Uint8Array): Uint8Array<ArrayBuffer> {
    for (const [channel, address] of this.channels) {
      if (endpointText(address) === endpointText(peer)) return encodeChannelData(channel, data, { stream: false });
    }
    return encodeStun({
      class: "indication",
      method: DATA_INDICATION,
      transaction: this.crypto.random(12),
      fields: [field(XOR_PEER_ADDRESS, peer), field(DATA, data)],
    });
  }
}
