/**
 * The resolver's sockets: UDP and TCP on port 53 of its address (RFC 1035, RFC 7766). It serves programs of this machine;
 * others are not answered, and what they send costs one look at its sender.
 */
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { Slab } from "../../../mesh/wire/slab.ts";
import { fitted, MAX_QUERY } from "./codec.ts";
import { readMessage, writeMessage } from "./forward.ts";
import type { Query } from "./codec.ts";

/** Open TCP connections at most, and how long one may say nothing, in ms. */
const MAX_CONNECTIONS = 64;
const IDLE = 10_000;
/** UDP questions under way at most. */
const MAX_OPEN = 512;

/** Works on one message; null is no answer. `query` is null for an error that needs no fitting. */
export type Responder = (
  bytes: Uint8Array,
  o: { tcp: boolean },
) => Promise<{ reply: Bytes; query: Query | null } | null>;

/** A resolver that listens. */
export class DnsServer {
  readonly #udp: Deno.DatagramConn;
  readonly #tcp: Deno.TcpListener;
  readonly #respond: Responder;
  readonly #mayAsk: (source: string) => Promise<boolean>;
  readonly #connections = new Set<Deno.TcpConn>();
  #open = 0;
  #broken = false;

  /** @throws Deno.errors.AddrInUse, PermissionDenied, AddrNotAvailable */
  constructor(o: { address: string; respond: Responder; mayAsk: (source: string) => Promise<boolean> }) {
    this.#respond = o.respond;
    this.#mayAsk = o.mayAsk;
    this.#udp = Deno.listenDatagram({ transport: "udp", hostname: o.address, port: 53 });
    try {
      this.#tcp = Deno.listen({ hostname: o.address, port: 53 });
    } catch (error) {
      this.#udp.close();
      throw error;
    }
    // One that stops listening is replaced (`broken`).
    void this.#readUdp().catch(() => {}).finally(() => this.#broken = true);
    void this.#accept().catch(() => {}).finally(() => this.#broken = true);
  }

  /** True when one of its sockets has failed. */
  get broken(): boolean {
    return this.#broken;
  }

  async #readUdp(): Promise<void> {
    const slab = new Slab(); // left to itself Deno takes 64 KiB for each question
    for (;;) {
      const [bytes, from] = await this.#udp.receive(slab.room(MAX_QUERY + 1));
      slab.keep(bytes.length);
      if (this.#open >= MAX_OPEN || from.transport !== "udp") continue;
      this.#open++;
      void this.#one(bytes, from).catch(() => {}).finally(() => this.#open--);
    }
  }

  async #one(bytes: Uint8Array, from: Deno.NetAddr): Promise<void> {
    if (!await this.#mayAsk(from.hostname)) return;
    const answer = await this.#respond(bytes, { tcp: false });
    if (answer) await this.#udp.send(answer.query ? fitted(answer.reply, answer.query) : answer.reply, from);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#tcp) {
      if (this.#connections.size >= MAX_CONNECTIONS) {
        connection.close();
        continue;
      }
      this.#connections.add(connection);
      void this.#serve(connection).catch(() => {}).finally(() => {
        this.#connections.delete(connection);
        quietly(() => connection.close());
      });
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    if (!await this.#mayAsk(connection.remoteAddr.hostname)) return;
    for (;;) {
      const timer = setTimeout(() => quietly(() => connection.close()), IDLE);
      const bytes = await readMessage(connection, MAX_QUERY).finally(() => clearTimeout(timer));
      const answer = bytes && await this.#respond(bytes, { tcp: true });
      if (!answer) return;
      await writeMessage(connection, answer.reply);
    }
  }

  close(): void {
    quietly(() => this.#udp.close());
    quietly(() => this.#tcp.close());
    for (const connection of this.#connections) quietly(() => connection.close());
  }
}

function quietly(run: () => void): void {
  try {
    run();
  } catch { /* closed already */ }
}
