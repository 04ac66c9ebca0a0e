/**
 * How TURN messages lie in datagrams and in streams (RFC 8656 sections 12.4 and 12.5, RFC 8489 section 6.2.2).
 *
 * ```
 * STUN         00 ... | length (2) behind a header of 20 bytes, a multiple of 4
 * ChannelData  channel 4000..4fff (2) | length (2) | data | over a stream: padding to a multiple of 4, not counted
 * ```
 * What is longer than MAX_FRAME is skipped and not kept: whoever may send to the relayed address can send datagrams of any
 * size, and neither memory nor the stream must suffer from that.
 */
import { GhostError } from "../../../mesh/wire/errors.ts";
import { FIRST_CHANNEL, LAST_CHANNEL } from "../../../mesh/wire/stun/mod.ts";

/** Longest message that is taken: a full packet in a Data indication and some more. */
export const MAX_FRAME = 2048;
const STUN_HEADER = 20;
const CHANNEL_HEADER = 4;

/** A ChannelData message; `stream` pads it. @throws RangeError for more data than the length can tell */
export function encodeChannelData(
  channel: number,
  data: Uint8Array,
  { stream }: { stream: boolean },
): Uint8Array<ArrayBuffer> {
  if (data.length > 0xffff) throw new RangeError("More data than a channel message holds");
  const out = new Uint8Array(CHANNEL_HEADER + data.length + (stream ? -data.length & 3 : 0));
  out[0] = channel >> 8;
  out[1] = channel & 0xff;
  out[2] = data.length >> 8;
  out[3] = data.length & 0xff;
  out.set(data, CHANNEL_HEADER);
  return out;
}

/** The parts of a ChannelData message, padded or not; null when it is none. */
export function decodeChannelData(bytes: Uint8Array): { channel: number; data: Uint8Array } | null {
  if (bytes.length < CHANNEL_HEADER) return null;
  const channel = bytes[0]! << 8 | bytes[1]!;
  const length = bytes[2]! << 8 | bytes[3]!;
  if (channel < FIRST_CHANNEL || channel > LAST_CHANNEL || length > bytes.length - CHANNEL_HEADER) return null;
  return { channel, data: bytes.subarray(CHANNEL_HEADER, CHANNEL_HEADER + length) };
}

/** Bytes that the message takes in a stream, told by its first four; null for what is no TURN message. */
function lengthOf(head: Uint8Array): number | null {
  const length = head[2]! << 8 | head[3]!;
  const first = head[0]! << 8 | head[1]!;
  if (first < FIRST_CHANNEL) return length % 4 === 0 ? STUN_HEADER + length : null;
  return first <= LAST_CHANNEL ? CHANNEL_HEADER + length + (-length & 3) : null;
}

/** Cuts a stream into messages. Holds one message at most. */
export class TurnStream {
  readonly #buffer = new Uint8Array(MAX_FRAME);
  #length = 0;
  /** Length of the message under way; 0 until its first four bytes are there. */
  #wanted = 0;
  /** Bytes of a message that is too long, still to be skipped. */
  #skip = 0;

  /**
   * The messages that are whole with this chunk, each in bytes of its own.
   * @throws GhostError `bad_input` when this is no TURN stream; it is then of no more use
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const part = chunk.subarray(at, at + (this.#wanted || CHANNEL_HEADER) - this.#length);
      this.#buffer.set(part, this.#length);
      this.#length += part.length;
      at += part.length;
      if (this.#wanted === 0 && this.#length === CHANNEL_HEADER) this.#begin();
      if (this.#wanted > 0 && this.#length === this.#wanted) {
        out.push(this.#buffer.slice(0, this.#length));
        this.#length = this.#wanted = 0;
      }
    }
    return out;
  }

  #begin(): void {
    const wanted = lengthOf(this.#buffer);
    if (wanted === null) throw new GhostError("bad_input", "Not a TURN message", { place: "turn stream" });
    if (wanted <= MAX_FRAME) {
      this.#wanted = wanted;
      return;
    }
    this.#skip = wanted - CHANNEL_HEADER;
    this.#length = 0;
  }
}
