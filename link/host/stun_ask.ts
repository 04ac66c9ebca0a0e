/** Questions to STUN servers from a socket of its own: how a fresh mapping looks, and whether an answer from elsewhere comes in. */
import {
  decodeStun,
  encodeStun,
  type Field,
  field,
  FILLER,
  isStun,
  read,
  SOFTWARE,
  type StunCrypto,
  TICKET,
  type TransportAddress,
  XOR_MAPPED_ADDRESS,
} from "../../mesh/wire/stun/mod.ts";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** Waits for an answer, in ms: each request is sent again with the same transaction id (RFC 8489 section 6.2.1). */
const WAITS = [200, 300, 500];

/** How a server saw the socket, and how long that took. */
export interface Seen {
  mapped: TransportAddress;
  rttMs: number;
  /** What a gate gave to prove this machine's address, if it was asked for. */
  ticket: Uint8Array | null;
}

type Answer = Omit<Seen, "rttMs">;

/** A socket that asks. */
export class StunAsker implements Disposable {
  /** Null where this machine gives none: it has no such IP, or no socket is left. */
  readonly #socket: Deno.DatagramConn | null;
  readonly #crypto: StunCrypto;
  readonly #waiting = new Map<string, (answer: Answer) => void>();

  /** @param o.family which IP */
  constructor(o: { crypto: StunCrypto; family: 4 | 6 }) {
    this.#crypto = o.crypto;
    this.#socket = bind(o.family === 4 ? "0.0.0.0" : "::");
    if (this.#socket) void readDatagrams(this.#socket, (bytes) => this.#take(bytes));
  }

  /** The socket's own port; 0 without one. */
  get port(): number {
    return (this.#socket?.addr as Deno.NetAddr | undefined)?.port ?? 0;
  }

  #take(bytes: Uint8Array): void {
    if (!isStun(bytes)) return;
    try {
      const message = decodeStun(bytes);
      const mapped = message.class === "success" ? read(message, XOR_MAPPED_ADDRESS) : undefined;
      // Whoever knows the transaction id, 96 random bits, is the server or on the way to it.
      if (!mapped) return;
      this.#waiting.get(message.transaction.toString())?.({ mapped, ticket: read(message, TICKET) ?? null });
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
    }
  }

  /** Asks one server; null when it does not answer, or cannot be asked. `fields` go into the request. */
  async ask(server: TransportAddress, fields: Field[] = []): Promise<Seen | null> {
    const socket = this.#socket;
    if (!socket) return null;
    const transaction = this.#crypto.random(12);
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.set(transaction.toString(), answer.resolve);
    const padded = [...fields, field(SOFTWARE, FILLER.binding)];
    const bytes = encodeStun({ class: "request", transaction, fields: padded, fingerprint: true });
    try {
      for (const wait of WAITS) {
        const at = performance.now();
        await socket.send(bytes, { transport: "udp", hostname: server.address, port: server.port })
          .catch(() => {}); // no route: as good as no answer
        const late = Promise.withResolvers<null>();
        const timer = setTimeout(() => late.resolve(null), wait);
        const seen = await Promise.race([answer.promise, late.promise]);
        clearTimeout(timer);
        if (seen) return { ...seen, rttMs: performance.now() - at };
      }
      return null;
    } finally {
      this.#waiting.delete(transaction.toString());
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }
}

function bind(hostname: string): Deno.DatagramConn | null {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  } catch {
    return null;
  }
}
