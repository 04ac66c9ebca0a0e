/**
 * Packets in the frames of a gate session (layout: mesh/wire/gate_session.ts), as a node writes and reads them. A packet that
 * does not fit the connection's datagram size yet (Deno tells 1,162 bytes in the first second, measured) is cut in two and joined at the
 * other end; none is lost for its size.
 *
 * Every packet of the rung comes through here, so ids are translated once and not once a packet.
 */
import {
  FRAME_FIRST,
  FRAME_HEADER,
  FRAME_PACKET,
  FRAME_SECOND,
  frameNodeId,
  MAX_PACKET,
  nodeIdBytes,
} from "../../../mesh/wire/gate_session.ts";
import { Slab } from "../../../mesh/wire/slab.ts";

/** Bytes of the serial that halves carry. */
const SERIAL = 2;
/** Ids that are remembered; the number of peers of a large network. */
const MAX_IDS = 4_096;
/** Halves that wait for their other half. */
const MAX_HALVES = 64;

/** Puts packets into frames. */
export class FrameWriter {
  readonly #slab = new Slab();
  readonly #ids = new Map<string, Uint8Array>();
  #serial = 0;

  /** Gives the frames of a packet for `to`: one, or two halves if it does not fit `max`; none for a packet over MAX_PACKET. */
  write(to: string, { packet, max }: { packet: Uint8Array; max: number }, frame: (bytes: Uint8Array) => void): void {
    if (packet.length > MAX_PACKET) return;
    const id = this.#id(to);
    if (packet.length + FRAME_HEADER <= max) {
      return frame(this.#frame(FRAME_PACKET, id, { body: packet, serial: null }));
    }
    const serial = this.#serial = (this.#serial + 1) & 0xffff;
    const half = packet.length >> 1;
    frame(this.#frame(FRAME_FIRST, id, { body: packet.subarray(0, half), serial }));
    frame(this.#frame(FRAME_SECOND, id, { body: packet.subarray(half), serial }));
  }

  #id(text: string): Uint8Array {
    let id = this.#ids.get(text);
    if (!id) {
      if (this.#ids.size >= MAX_IDS) this.#ids.clear();
      this.#ids.set(text, id = nodeIdBytes(text));
    }
    return id;
  }

  #frame(type: number, id: Uint8Array, { body, serial }: { body: Uint8Array; serial: number | null }): Uint8Array {
    const head = FRAME_HEADER + (serial === null ? 0 : SERIAL);
    const out = this.#slab.take(head + body.length);
    out[0] = type;
    out.set(id, 1);
    if (serial !== null) {
      out[FRAME_HEADER] = serial >> 8;
      out[FRAME_HEADER + 1] = serial & 0xff;
    }
    out.set(body, head);
    return out;
  }
}

/** Gets packets out of frames. */
export class FrameReader {
  readonly #ids = new Map<number, { bytes: Uint8Array; text: string }>();
  readonly #halves = new Map<string, Uint8Array>();

  /** The packet that is whole with this frame, and whose it is; null while there is none. */
  read(frame: Uint8Array): { from: string; packet: Uint8Array } | null {
    if (frame.length < FRAME_HEADER) return null;
    const from = this.#from(frame);
    if (frame[0] === FRAME_PACKET) return { from, packet: frame.subarray(FRAME_HEADER) };
    const packet = this.#joined(from, frame);
    return packet && { from, packet };
  }

  #from(frame: Uint8Array): string {
    const key = frame[1]! | frame[2]! << 8 | frame[3]! << 16 | frame[4]! << 24;
    const known = this.#ids.get(key);
    if (known && sameId(known.bytes, frame)) return known.text;
    const text = frameNodeId(frame);
    if (this.#ids.size >= MAX_IDS) this.#ids.clear();
    this.#ids.set(key, { bytes: frame.slice(1, FRAME_HEADER), text });
    return text;
  }

  #joined(from: string, frame: Uint8Array): Uint8Array | null {
    const type = frame[0];
    if ((type !== FRAME_FIRST && type !== FRAME_SECOND) || frame.length < FRAME_HEADER + SERIAL) return null;
    const serial = (frame[FRAME_HEADER]! << 8) | frame[FRAME_HEADER + 1]!;
    const body = frame.subarray(FRAME_HEADER + SERIAL);
    const other = `${from}/${serial}/${type === FRAME_FIRST ? FRAME_SECOND : FRAME_FIRST}`;
    const found = this.#halves.get(other);
    if (!found) {
      if (this.#halves.size >= MAX_HALVES) this.#halves.delete(this.#halves.keys().next().value!);
      this.#halves.set(`${from}/${serial}/${type}`, body);
      return null;
    }
    this.#halves.delete(other);
    const [first, second] = type === FRAME_FIRST ? [body, found] : [found, body];
    const whole = new Uint8Array(first.length + second.length);
    whole.set(first);
    whole.set(second, first.length);
    return whole;
  }
}

function sameId(id: Uint8Array, frame: Uint8Array): boolean {
  for (let i = 0; i < id.length; i++) if (id[i] !== frame[i + 1]) return false;
  return true;
}
