/**
 * What a STUN server sees of this machine: the server-reflexive address of one socket, kept alive.
 *
 * Every server is asked with the retransmission of RFC 8489 section 6.2.1 and then again every 20 s, which keeps the NAT's
 * mapping open and tells when it changes. A server that does not answer is asked again with growing waits.
 * Servers are not authenticated: a forged answer has to guess a transaction id of 96 bits, and a lying server can only name
 * an address at which connectivity checks then fail.
 */
import { GhostError } from "../../../mesh/wire/errors.ts";
import {
  BINDING,
  canonical,
  decodeStun,
  encodeStun,
  field,
  FILLER,
  isStun,
  isUsable,
  MAPPED_ADDRESS,
  read,
  sameAddress,
  SOFTWARE,
  type StunCrypto,
  type StunMessage,
  type TransportAddress,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";

export type BindingEvent =
  /** STUN that reached the socket; what is not an answer to this client is left alone. */
  | { kind: "datagram"; from: TransportAddress; bytes: Uint8Array }
  /** Ask all servers at once that were not asked within so many ms: addresses or routes changed, or a path is lost. */
  | { kind: "refresh"; within: number }
  | { kind: "tick" };

export type BindingAction =
  | { kind: "send"; from: TransportAddress; to: TransportAddress; bytes: Uint8Array }
  /** The server sees the socket at `mapped`; comes again when that changes. */
  | { kind: "mapped"; server: TransportAddress; base: TransportAddress; mapped: TransportAddress; rttMs: number }
  /** The server has stopped answering, or never did. */
  | { kind: "unreachable"; server: TransportAddress; base: TransportAddress };

export interface BindingOptions {
  /** The local address of the socket. */
  base: TransportAddress;
  servers: TransportAddress[];
  crypto: StunCrypto;
  /** First wait for an answer, doubled each time; RFC 8489 advises 500 ms, most paths answer much sooner. */
  rtoMs?: number;
  keepaliveMs?: number;
}

/** Rc and Rm of RFC 8489 section 6.2.1: requests sent, and the last wait as a multiple of the first. */
const REQUESTS = 7;
const LAST_WAIT = 16;
const RETRY_WAITS = [5_000, 10_000, 20_000, 40_000, 60_000];

interface Server {
  address: TransportAddress;
  /** Newest last; answers to earlier requests count too. */
  sent: { transaction: string; at: number }[];
  askedAt: number;
  due: number;
  mapped: TransportAddress | null;
  failures: number;
}

/** A client for one socket and any number of servers. Asks from the first `tick` on. */
export class StunBinding {
  readonly #base: TransportAddress;
  readonly #crypto: StunCrypto;
  readonly #rto: number;
  readonly #keepalive: number;
  readonly #servers: Server[];

  constructor(o: BindingOptions) {
    this.#base = canonical(o.base, "base");
    this.#crypto = o.crypto;
    this.#rto = o.rtoMs ?? 250;
    this.#keepalive = o.keepaliveMs ?? 20_000;
    this.#servers = o.servers.map((server, i) => ({
      address: canonical(server, `servers[${i}]`),
      sent: [],
      askedAt: -Infinity,
      due: 0,
      mapped: null,
      failures: 0,
    }));
  }

  /** What each server sees; null where none has answered. */
  get mapped(): { server: TransportAddress; mapped: TransportAddress | null }[] {
    return this.#servers.map(({ address, mapped }) => ({ server: address, mapped }));
  }

  handle(event: BindingEvent, now: number): BindingAction[] {
    switch (event.kind) {
      case "datagram":
        return this.#datagram(event.from, event.bytes, now);
      case "refresh":
        for (const server of this.#servers) {
          if (now - server.askedAt < event.within) continue;
          server.sent = [];
          server.due = now;
          server.failures = 0;
        }
        return this.#tick(now);
      case "tick":
        return this.#tick(now);
    }
  }

  nextDeadline(): number | null {
    return this.#servers.length === 0 ? null : Math.min(...this.#servers.map((server) => server.due));
  }

  #tick(now: number): BindingAction[] {
    return this.#servers.filter((server) => server.due <= now).flatMap((server) => this.#step(server, now));
  }

  #step(server: Server, now: number): BindingAction[] {
    if (server.sent.length >= REQUESTS) {
      const wait = RETRY_WAITS[Math.min(server.failures, RETRY_WAITS.length - 1)]!;
      const news = server.mapped !== null || server.failures === 0;
      server.sent = [];
      server.mapped = null;
      server.failures++;
      server.due = now + wait;
      return news ? [{ kind: "unreachable", server: server.address, base: this.#base }] : [];
    }
    const transaction = this.#crypto.random(12);
    server.sent.push({ transaction: transaction.toString(), at: now });
    server.askedAt = now;
    server.due = now + this.#rto * (server.sent.length === REQUESTS ? LAST_WAIT : 2 ** (server.sent.length - 1));
    const bytes = encodeStun({
      class: "request",
      transaction,
      fields: [field(SOFTWARE, FILLER.binding)],
      fingerprint: true,
    });
    return [{ kind: "send", from: this.#base, to: server.address, bytes }];
  }

  #datagram(from: TransportAddress, bytes: Uint8Array, now: number): BindingAction[] {
    const answer = this.#answer(from, bytes);
    if (answer === null) return [];
    const { server, mapped, at } = answer;
    const changed = server.mapped === null || !sameAddress(server.mapped, mapped);
    server.sent = [];
    server.failures = 0;
    server.mapped = mapped;
    server.due = now + this.#keepalive;
    return changed
      ? [{ kind: "mapped", server: server.address, base: this.#base, mapped, rttMs: Math.max(0, now - at) }]
      : [];
  }

  #answer(
    from: TransportAddress,
    bytes: Uint8Array,
  ): { server: Server; mapped: TransportAddress; at: number } | null {
    if (!isStun(bytes)) return null;
    const transaction = bytes.slice(8, 20).toString();
    for (const server of this.#servers) {
      const request = server.sent.find((s) => s.transaction === transaction);
      if (request === undefined) continue;
      try {
        const message = decodeStun(bytes);
        if (message.class !== "success" || message.method !== BINDING) return null;
        if (!sameAddress(canonical(from), server.address)) return null;
        const mapped = mappedAddress(message);
        return mapped === null ? null : { server, mapped, at: request.at };
      } catch (error) {
        if (error instanceof GhostError) return null;
        throw error;
      }
    }
    return null;
  }
}

function mappedAddress(message: StunMessage): TransportAddress | null {
  const mapped = read(message, XOR_MAPPED_ADDRESS) ?? read(message, MAPPED_ADDRESS);
  return mapped !== undefined && mapped.port > 0 && isUsable(mapped.address) ? mapped : null;
}
