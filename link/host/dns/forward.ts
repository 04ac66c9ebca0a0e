/**
 * Questions for other servers. Each goes out from a socket and with a number of its own (RFC 5452), to one server after the
 * other, and its answer is handed back as it came. There is a bound to what waits, so that a dead server costs its own
 * questions only.
 */
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { InTurn } from "../../../mesh/wire/in_turn.ts";
import { answers, type Query, withId } from "./codec.ts";

/** Questions that may wait at once; the same again of those that share a port. */
const MAX_WAITING = 256;
/** How long one server is waited for, in ms. */
const PATIENCE = 1_500;
/** How many servers are asked about one question. */
const MAX_SERVERS = 3;

/** How to ask. */
interface AskOptions {
  servers: readonly string[];
  tcp: boolean;
  /** From this UDP port, instead of one of its own for each question. */
  port?: number;
}

/** Asks other servers. */
export class Forwarder {
  readonly #random: (n: number) => Bytes;
  readonly #turns = new InTurn();
  readonly #waiting = { count: 0 };
  /** Those that share a port, one after another: they fill up sooner, and keep no other from its way. */
  readonly #inTurn = { count: 0 };
  /** Servers that did not answer last time come last. */
  readonly #silent = new Set<string>();

  constructor(o: { random: (n: number) => Bytes }) {
    this.#random = o.random;
  }

  /** Asks until one answers; null when none does, or too much waits already. */
  async ask(bytes: Uint8Array, query: Query, o: AskOptions): Promise<Bytes | null> {
    const waiting = o.port === undefined ? this.#waiting : this.#inTurn;
    if (waiting.count >= MAX_WAITING) return null;
    waiting.count++;
    try {
      if (o.port === undefined) return await this.#ask(bytes, query, o);
      // One socket at a time has that port.
      return await this.#turns.run(() => this.#ask(bytes, query, o));
    } finally {
      waiting.count--;
      if (this.#silent.size > 64) this.#silent.clear();
    }
  }

  async #ask(bytes: Uint8Array, query: Query, o: AskOptions): Promise<Bytes | null> {
    const order = o.servers.toSorted((a, b) => Number(this.#silent.has(a)) - Number(this.#silent.has(b)));
    for (const server of order.slice(0, MAX_SERVERS)) {
      const id = new DataView(this.#random(2).buffer).getUint16(0);
      const fits = (b: Uint8Array) => answers(b, id, query);
      const asked = o.tcp
        ? askTcp(server, withId(bytes, id), fits)
        : askUdp(server, withId(bytes, id), { fits, port: o.port ?? 0 });
      const answer = await asked.catch(() => null);
      if (answer === null) this.#silent.add(server);
      else {
        this.#silent.delete(server);
        return withId(answer, query.id);
      }
    }
    return null;
  }
}

async function askUdp(
  server: string,
  bytes: Bytes,
  { fits, port }: { fits: (b: Uint8Array) => boolean; port: number },
): Promise<Bytes | null> {
  const hostname = server.includes(":") ? "::" : "0.0.0.0";
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  const timer = setTimeout(() => close(socket), PATIENCE);
  try {
    await socket.send(bytes, { transport: "udp", hostname: server, port: 53 });
    for await (const [packet, from] of socket) {
      if (from.transport === "udp" && from.hostname === server && from.port === 53 && fits(packet)) {
        return new Uint8Array(packet);
      }
    }
    return null;
  } finally {
    clearTimeout(timer);
    close(socket);
  }
}

async function askTcp(server: string, bytes: Bytes, fits: (b: Uint8Array) => boolean): Promise<Bytes | null> {
  const signal = AbortSignal.timeout(PATIENCE);
  const connection = await Deno.connect({ hostname: server, port: 53, signal });
  const timer = setTimeout(() => close(connection), PATIENCE);
  try {
    await writeMessage(connection, bytes);
    const answer = await readMessage(connection, 65_535);
    return answer !== null && fits(answer) ? answer : null;
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

/** Writes a message with its length before it (RFC 1035, section 4.2.2). */
export async function writeMessage(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  const framed = new Uint8Array(bytes.length + 2);
  new DataView(framed.buffer).setUint16(0, bytes.length);
  framed.set(bytes, 2);
  for (let at = 0; at < framed.length;) at += await to.write(framed.subarray(at));
}

/** Reads one; null when the other end is done or the message is longer than `max`. */
export async function readMessage(from: Deno.TcpConn, max: number): Promise<Bytes | null> {
  const head = await readExactly(from, 2);
  if (!head) return null;
  const length = head[0]! << 8 | head[1]!;
  return length > max ? null : await readExactly(from, length);
}

async function readExactly(from: Deno.TcpConn, count: number): Promise<Bytes | null> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const n = await from.read(bytes.subarray(at));
    if (n === null) return null;
    at += n;
  }
  return bytes;
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch { /* closed already */ }
}
