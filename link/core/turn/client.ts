/**
 * A TURN client (RFC 8656) for one connection with one server: an allocation, kept alive, and packets to and from any number
 * of peers through it. Over UDP requests are repeated; over TCP and TLS the host cuts the stream with `TurnStream`.
 *
 * The allocation is refreshed every `keepaliveMs`, which is far more often than it needs: the same request keeps a NAT's mapping
 * open and tells within seconds that a restarted server has forgotten everything (437).
 * A client ends for good with its first `ended`; who wants another allocation makes another client on another socket.
 *
 * Left out: RESERVATION-TOKEN and EVEN-PORT, RFC 6062 (TCP to peers), RFC 8016 (mobility), DONT-FRAGMENT, ICMP indications.
 */
import { GhostError } from "../../../mesh/wire/errors.ts";
import {
  canonical,
  CHANNEL_NUMBER,
  DATA,
  decodeStun,
  encodeStun,
  ERROR_CODE,
  type Field,
  field,
  isStun,
  LIFETIME,
  read,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  type StunError,
  type StunMessage,
  type TransportAddress,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";
import { Authentication } from "./authentication.ts";
import { alternateServer, endOf } from "./errors.ts";
import type { TurnAction, TurnCredentials, TurnCrypto, TurnEnd, TurnEvent } from "./event.ts";
import { decodeChannelData, encodeChannelData } from "./frame.ts";
import { type TurnPeer, TurnPeers } from "./peers.ts";
import { Transactions, type Waits } from "./transactions.ts";

/** Methods, RFC 8656 section 17. */
export const ALLOCATE = 0x003;
export const REFRESH = 0x004;
export const SEND = 0x006;
export const DATA_INDICATION = 0x007;
export const CREATE_PERMISSION = 0x008;
export const CHANNEL_BIND = 0x009;

/** What is asked for, in seconds; also what RFC 8656 section 3.2 recommends. */
const LIFETIME_S = 600;
/** Stale nonces in a row that are believed. */
const MAX_STALE = 3;

export interface TurnClientOptions {
  crypto: TurnCrypto;
  credentials: TurnCredentials;
  /** True over TCP and TLS. */
  stream: boolean;
  /** Family of the relayed address; left out the server gives IPv4. */
  family?: 4 | 6;
  keepaliveMs?: number;
  waits?: Waits;
}

type Purpose =
  | { kind: "allocate" }
  | { kind: "refresh"; lifetime: number }
  | { kind: "permission"; peer: TurnPeer }
  | { kind: "channel"; peer: TurnPeer };

export class TurnClient {
  readonly #o: TurnClientOptions;
  readonly #auth: Authentication;
  readonly #transactions: Transactions<Purpose>;
  readonly #peers = new TurnPeers();
  readonly #keepalive: number;
  #state: "idle" | "allocating" | "ready" | "ended" = "idle";
  #refreshAt = Infinity;
  /** When the server forgets the allocation unless a refresh comes through. */
  #expiresAt = Infinity;
  #actions: TurnAction[] = [];

  constructor(o: TurnClientOptions) {
    this.#o = o;
    this.#auth = new Authentication(o.credentials, o.crypto);
    this.#keepalive = o.keepaliveMs ?? 20_000;
    this.#transactions = new Transactions({
      stream: o.stream,
      waits: o.waits ?? { rtoMs: 250, streamMs: 10_000 },
    });
  }

  handle(event: TurnEvent, now: number): TurnAction[] {
    this.#actions = [];
    if (this.#state !== "ended") this.#take(event, now);
    return this.#actions;
  }

  /** When `tick` is due; null when nothing is waited for. */
  nextDeadline(): number | null {
    if (this.#state === "ended") return null;
    const peers = this.#state === "ready" ? this.#peers.nextDeadline() : Infinity;
    const next = Math.min(this.#transactions.nextDeadline(), this.#refreshAt, this.#expiresAt, peers);
    return Number.isFinite(next) ? next : null;
  }

  /** A packet for a peer as it goes to the server; null while the server would not pass it on. */
  wrap(to: TransportAddress, data: Uint8Array): Uint8Array<ArrayBuffer> | null {
    const peer = this.#state === "ready" ? this.#peers.get(to) : undefined;
    if (!peer?.permitted) return null;
    if (peer.bound) return encodeChannelData(peer.channel!, data, { stream: this.#o.stream });
    return encodeStun({
      class: "indication",
      method: SEND,
      transaction: this.#o.crypto.random(12),
      fields: [field(XOR_PEER_ADDRESS, to), field(DATA, data)],
    });
  }

  #take(event: TurnEvent, now: number): void {
    switch (event.kind) {
      case "start":
        if (this.#state !== "idle") return;
        this.#state = "allocating";
        return this.#request({ kind: "allocate" }, now);
      case "message":
        return this.#message(event.bytes, now);
      case "permit":
        return this.#permit(event.peer, now);
      case "forget":
        return this.#peers.remove(event.peer, now);
      case "probe":
        if (this.#refreshAt !== Infinity) this.#refreshAt = now;
        return this.#tick(now);
      case "stop":
        if (this.#state === "ready") this.#request({ kind: "refresh", lifetime: 0 }, now);
        return this.#end("stopped", "Stopped");
      case "tick":
        return this.#tick(now);
    }
  }

  #permit(peer: TransportAddress, now: number): void {
    let address: TransportAddress;
    try {
      address = canonical(peer, "peer");
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      return void this.#actions.push({ kind: "denied", peer, code: 400, reason: error.message });
    }
    if (this.#peers.add(address, now)) this.#tick(now);
  }

  #tick(now: number): void {
    const { again, lost } = this.#transactions.tick(now);
    for (const bytes of again) this.#actions.push({ kind: "send", bytes });
    if (lost.length > 0 || now >= this.#expiresAt) return this.#end("timeout", "The TURN server does not answer");
    if (this.#state !== "ready") return;
    if (now >= this.#refreshAt) {
      this.#refreshAt = Infinity; // until its answer
      this.#request({ kind: "refresh", lifetime: LIFETIME_S }, now);
    }
    for (const peer of this.#peers.due(now)) this.#ask(peer, now);
  }

  /** The next thing that a peer needs. */
  #ask(peer: TurnPeer, now: number): void {
    peer.due = Infinity; // until its answer
    if (peer.permitted && !peer.unbindable) {
      if (peer.channel !== null || this.#peers.assign(peer, now)) return this.#request({ kind: "channel", peer }, now);
      peer.unbindable = true;
    }
    this.#request({ kind: "permission", peer }, now);
  }

  #request(purpose: Purpose, now: number, stale = 0): void {
    const transaction = this.#o.crypto.random(12);
    const { method, fields } = this.#draft(purpose);
    const bytes = this.#auth.request(method, { transaction, fields });
    this.#transactions.add(transaction, { purpose, bytes, stale }, now);
    this.#actions.push({ kind: "send", bytes });
  }

  #draft(purpose: Purpose): { method: number; fields: Field[] } {
    switch (purpose.kind) {
      case "allocate": {
        const { family } = this.#o;
        const asked = family === undefined ? [] : [field(REQUESTED_ADDRESS_FAMILY, family === 6 ? 2 : 1)];
        return { method: ALLOCATE, fields: [field(REQUESTED_TRANSPORT, 17), field(LIFETIME, LIFETIME_S), ...asked] };
      }
      case "refresh":
        return { method: REFRESH, fields: [field(LIFETIME, purpose.lifetime)] };
      case "permission":
        return { method: CREATE_PERMISSION, fields: [field(XOR_PEER_ADDRESS, purpose.peer.address)] };
      case "channel": {
        const { channel, address } = purpose.peer;
        return { method: CHANNEL_BIND, fields: [field(CHANNEL_NUMBER, channel!), field(XOR_PEER_ADDRESS, address)] };
      }
    }
  }

  #message(bytes: Uint8Array, now: number): void {
    const channel = decodeChannelData(bytes);
    if (channel) {
      const peer = this.#peers.ofChannel(channel.channel);
      if (peer) this.#actions.push({ kind: "data", peer: peer.address, bytes: channel.data });
      return;
    }
    if (!isStun(bytes)) return;
    try {
      const message = decodeStun(bytes);
      if (message.class === "success" || message.class === "error") this.#answer(message, now);
      else if (message.class === "indication" && message.method === DATA_INDICATION) this.#data(message);
    } catch (error) {
      if (!(error instanceof GhostError)) throw error; // what does not read is as if it had not come
    }
  }

  #data(message: StunMessage): void {
    const from = read(message, XOR_PEER_ADDRESS);
    const bytes = read(message, DATA);
    const peer = from && this.#peers.get(from);
    if (peer && bytes) this.#actions.push({ kind: "data", peer: peer.address, bytes });
  }

  #answer(message: StunMessage, now: number): void {
    const request = this.#transactions.find(message.transaction);
    if (!request || this.#draft(request.purpose).method !== message.method || !this.#auth.holds(message)) return;
    const error = message.class === "error" ? read(message, ERROR_CODE) : null;
    if (error === undefined) return;
    if (error === null) {
      this.#granted(request.purpose, message, now); // reads first: an answer that does not read is left alone
      this.#transactions.remove(message.transaction);
      return;
    }
    this.#transactions.remove(message.transaction);
    // A 401 to a signed request is believed once more if it brings another nonce: a server that was restarted says so.
    const retry = (error.code === 401 || error.code === 438) && request.stale < MAX_STALE;
    if (retry && this.#auth.challenge(message)) return this.#request(request.purpose, now, request.stale + 1);
    this.#refused(request.purpose, { error, message }, now);
  }

  #granted(purpose: Purpose, message: StunMessage, now: number): void {
    switch (purpose.kind) {
      case "allocate": {
        const relayed = read(message, XOR_RELAYED_ADDRESS);
        const lifetime = read(message, LIFETIME);
        if (!relayed || relayed.port === 0 || !lifetime) {
          return this.#end("refused", "The TURN server granted nothing that can be used");
        }
        this.#state = "ready";
        this.#lives(lifetime, now);
        this.#actions.push({ kind: "allocated", relayed, mapped: read(message, XOR_MAPPED_ADDRESS) ?? null });
        return this.#tick(now);
      }
      case "refresh": {
        const lifetime = read(message, LIFETIME);
        if (!lifetime) return this.#end("lost", "The TURN server has given the address up");
        return this.#lives(lifetime, now);
      }
      case "permission":
        return this.#permitted(purpose.peer, now);
      case "channel":
        if (!this.#peers.has(purpose.peer)) return;
        purpose.peer.bound = true;
        return this.#peers.rest(purpose.peer, now);
    }
  }

  /** @param lifetime in seconds, as the server says; less than a refresh can keep up with is asked for again at once. */
  #lives(lifetime: number, now: number): void {
    const life = Math.min(lifetime, 3600) * 1000;
    this.#expiresAt = now + life;
    this.#refreshAt = now + Math.min(this.#keepalive, life / 2);
  }

  #permitted(peer: TurnPeer, now: number): void {
    if (!this.#peers.has(peer)) return;
    if (!peer.permitted) this.#actions.push({ kind: "permitted", peer: peer.address });
    peer.permitted = true;
    if (peer.unbindable) this.#peers.rest(peer, now);
    else this.#ask(peer, now);
  }

  #refused(purpose: Purpose, { error, message }: { error: StunError; message: StunMessage }, now: number): void {
    if (purpose.kind === "permission" || purpose.kind === "channel") {
      const { peer } = purpose;
      if (error.code === 401 || error.code === 438 || error.code === 441 || error.code === 437) {
        return this.#fail(error, message, true);
      }
      if (!this.#peers.has(peer)) return;
      if (purpose.kind === "channel" && error.code !== 403) {
        this.#peers.unbind(peer, now);
        return this.#ask(peer, now);
      }
      this.#peers.remove(peer.address, now);
      this.#actions.push({ kind: "denied", peer: peer.address, ...error });
      return;
    }
    this.#fail(error, message, purpose.kind === "refresh");
  }

  #fail(error: StunError, message: StunMessage, allocated: boolean): void {
    const why = endOf(error.code, { allocated });
    const alternate = why === "alternate" ? alternateServer(message) : undefined;
    this.#end(
      why,
      `The TURN server says ${error.code}${error.reason ? ` (${error.reason.slice(0, 100)})` : ""}`,
      alternate,
    );
  }

  #end(why: TurnEnd, text: string, alternate?: TransportAddress): void {
    this.#state = "ended";
    this.#transactions.clear();
    this.#actions.push({ kind: "ended", why, text, ...(alternate ? { alternate } : {}) });
  }
}
