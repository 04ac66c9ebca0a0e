/** Questions to STUN servers from a socket of its own: how a fresh mapping looks, and whether an answer from elsewhere comes in. */
import {
  decodeStun,
  encodeStun,
  type Field,
  field,
  isStun,
  PADDING,
  read,
  SOFTWARE,
  type StunCrypto,
  type TransportAddress,
  XOR_MAPPED_ADDRESS,
} from "../core/stun/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** Waits for an answer, in ms: each request is sent again with the same transaction id (RFC 8489 section 6.2.1). */
const WAITS = [200, 300, 500];

/** How a server saw the socket, and how long that took. */
export interface Seen {
  mapped: TransportAddress;
  rttMs: number;
}

/** A socket that asks. */
export class StunAsker implements Disposable {
  readonly #socket: Deno.DatagramConn;
  readonly #crypto: StunCrypto;
  readonly #waiting = new Map<string, (mapped: TransportAddress) => void>();

  /** @param o.family which IP */
  constructor(o: { crypto: StunCrypto; family: 4 | 6 }) {
    this.#crypto = o.crypto;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: o.family === 4 ? "0.0.0.0" : "::", port: 0 });
    void this.#read();
  }

  /** The socket's own port. */
  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  async #read(): Promise<void> {
    for (;;) {
      let got: [Uint8Array, Deno.Addr];
      try {
        got = await this.#socket.receive();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
        continue; // an ICMP error for an earlier request
      }
      const [bytes] = got;
      if (!isStun(bytes)) continue;
      try {
        const message = decodeStun(bytes);
        const mapped = message.class === "success" ? read(message, XOR_MAPPED_ADDRESS) : undefined;
        // Whoever knows the transaction id, 96 random bits, is the server or on the way to it.
        if (mapped) this.#waiting.get(message.transaction.toString())?.(mapped);
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
      }
    }
  }

  /** Asks one server; null when it does not answer. `fields` go into the request. */
  async ask(server: TransportAddress, fields: Field[] = []): Promise<Seen | null> {
    const transaction = this.#crypto.random(12);
    const answer = Promise.withResolvers<TransportAddress>();
    this.#waiting.set(transaction.toString(), answer.resolve);
    const padded = [...fields, field(SOFTWARE, PADDING)];
    const bytes = encodeStun({ class: "request", transaction, fields: padded, fingerprint: true });
    try {
      for (const wait of WAITS) {
        const at = performance.now();
        await this.#socket.send(bytes, { transport: "udp", hostname: server.address, port: server.port })
          .catch(() => {}); // no route: as good as no answer
        const late = Promise.withResolvers<null>();
        const timer = setTimeout(() => late.resolve(null), wait);
        const mapped = await Promise.race([answer.promise, late.promise]);
        clearTimeout(timer);
        if (mapped) return { mapped, rttMs: performance.now() - at };
      }
      return null;
    } finally {
      this.#waiting.delete(transaction.toString());
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
