/**
 * One QUIC connection of a node: the control stream in both directions, the datagrams in both directions, and its end.
 * It decides nothing: what comes in goes to its hooks, what goes out is asked of them when there is room for it.
 *
 * Two pumps, one for control messages and one for packets, each with one write under way: `sendDatagram` and the stream
 * wait for buffer space, so a slow node fills its own bounded queues in the core and holds up nobody else.
 */
import { ControlReader, encodeControl, type FromGate, type FromNode, fromNode } from "../../mesh/wire/gate_session.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { Turns } from "../../mesh/host/turns.ts";
import { CLOSE, type CloseCode } from "../core/event.ts";
import { splitFrame } from "../core/frame.ts";

/** How long a node may take to read the last message before its connection is closed, in ms. */
const LINGER = 1_000;

/** Bytes read from a control stream at once. A read that waits holds its buffer, and Deno's own takes 64 KiB of each idle session. */
const CHUNK = 2_048;

/** A connection that fails tells why within so long, in ms, or not at all. */
const REASON_PATIENCE = 100;

/** What a line reports and asks for. */
export interface LineHooks {
  message(message: FromNode): void;
  datagram(frame: Uint8Array): void;
  /** Called once. */
  closed(reason: string): void;
  nextControl(): FromGate | undefined;
  nextPacket(): Uint8Array | undefined;
}

export class Line {
  readonly #conn: Deno.QuicConn;
  readonly #hooks: LineHooks;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #writing = false;
  #sending = false;
  #ending: { code: CloseCode; reason: string } | null = null;
  #closed = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #serial = 0;

  constructor(conn: Deno.QuicConn, hooks: LineHooks) {
    this.#conn = conn;
    this.#hooks = hooks;
  }

  /** Reads until the connection is gone. */
  start(): void {
    const gone = this.#conn.closed.then(
      (info) => this.#gone(info.reason || `closed with code ${info.closeCode}`),
      (error) => this.#gone(errorLine(error)),
    );
    const broken = async (error: unknown) => {
      // A connection that ends fails reading first and says why a moment later; what the node sent wrongly says it itself.
      if (!(error instanceof GhostError)) await within(gone, REASON_PATIENCE);
      this.end(CLOSE.protocol, { reason: errorLine(error), flush: false });
    };
    this.#readControl().catch(broken);
    this.#readDatagrams().catch(broken);
  }

  async #readControl(): Promise<void> {
    const streams = this.#conn.incomingBidirectionalStreams.getReader();
    const { value: stream } = await streams.read();
    if (!stream) return;
    this.#writer = stream.writable.getWriter();
    // A stream that the node resets shows in the next write, and in reading.
    this.#writer.closed.catch(() => {});
    this.wakeControl();
    const control = new ControlReader(fromNode);
    const reader = stream.readable.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(CHUNK);
    while (true) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      for (const message of control.push(value)) this.#hooks.message(message);
      buffer = value.buffer;
    }
    this.end(CLOSE.shutdown, { reason: "The node ended the session", flush: false });
  }

  async #readDatagrams(): Promise<void> {
    const turns = new Turns();
    while (!this.#closed) {
      this.#hooks.datagram(await this.#conn.readDatagram());
      const turn = turns.next();
      if (turn) await turn;
    }
  }

  /** There may be control messages to send. */
  async wakeControl(): Promise<void> {
    if (this.#writing || !this.#writer || this.#closed) return;
    this.#writing = true;
    try {
      for (let next = this.#hooks.nextControl(); next && !this.#closed; next = this.#hooks.nextControl()) {
        await this.#writer.write(encodeControl(next));
      }
    } catch {
      // The connection's end says why.
    } finally {
      this.#writing = false;
    }
    if (this.#ending) this.#finish();
  }

  /** There may be packets to send. */
  async wakePackets(): Promise<void> {
    if (this.#sending || this.#closed) return;
    this.#sending = true;
    for (let next = this.#hooks.nextPacket(); next && !this.#closed; next = this.#hooks.nextPacket()) {
      try {
        if (next.length <= this.#conn.maxDatagramSize) await this.#conn.sendDatagram(next);
        else await this.#sendHalves(next);
      } catch {
        // Too large for a path that has just shrunk, or the connection is gone: a lost packet, as on any network.
      }
    }
    this.#sending = false;
  }

  async #sendHalves(frame: Uint8Array): Promise<void> {
    this.#serial = (this.#serial - 1) & 0xffff; // downwards, away from the serials of nodes
    for (const half of splitFrame(frame, this.#serial) ?? []) await this.#conn.sendDatagram(half);
  }

  /** Closes; with `flush`, what waits in the control queue goes first and the node gets a second to read it. */
  end(code: CloseCode, { reason, flush }: { reason: string; flush: boolean }): void {
    if (this.#closed || this.#ending) return;
    this.#ending = { code, reason };
    if (!flush || !this.#writer) return this.#close();
    this.#linger = setTimeout(() => this.#close(), LINGER);
    this.wakeControl();
  }

  /** The last message is written; the node closes when it has read it, or the time does. */
  #finish(): void {
    this.#writer?.close().catch(() => {});
    this.#writer = null;
  }

  #close(): void {
    const { code, reason } = this.#ending!;
    this.#conn.close({ closeCode: code, reason: reason.slice(0, 256) });
    this.#gone(reason);
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#linger);
    this.#hooks.closed(this.#ending?.reason ?? reason);
  }
}

/** Waits for `done`, but no longer than `ms`. */
async function within(done: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([done, new Promise<void>((resolve) => timer = setTimeout(resolve, ms))]);
  clearTimeout(timer);
}
