/** Datagram frames as a gate handles them (layout: mesh/wire/gate_session.ts). */
import { FRAME_FIRST, FRAME_HEADER, FRAME_PACKET, FRAME_SECOND, MAX_PACKET } from "../../mesh/wire/gate_session.ts";

/** Bytes of the serial that halves carry. */
const SERIAL = 2;

/** True for a frame that a node may send; other types are dropped, so that later versions can add some. */
export function isFrame(frame: Uint8Array): boolean {
  switch (frame[0]) {
    case FRAME_PACKET:
      return frame.length > FRAME_HEADER && frame.length <= FRAME_HEADER + MAX_PACKET;
    case FRAME_FIRST:
    case FRAME_SECOND:
      return frame.length > FRAME_HEADER + SERIAL && frame.length <= FRAME_HEADER + SERIAL + MAX_PACKET;
    default:
      return false;
  }
}

/**
 * The two halves of a whole packet, for a receiver whose path does not carry it yet: sender and receiver learn their
 * paths' sizes at different times, and only the gate knows both. Null for a frame that cannot be cut.
 */
export function splitFrame(frame: Uint8Array, serial: number): [Uint8Array, Uint8Array] | null {
  if (frame[0] !== FRAME_PACKET) return null;
  const middle = FRAME_HEADER + ((frame.length - FRAME_HEADER) >> 1);
  return [
    half(FRAME_FIRST, frame, { from: FRAME_HEADER, to: middle, serial }),
    half(FRAME_SECOND, frame, { from: middle, to: frame.length, serial }),
  ];
}

function half(type: number, frame: Uint8Array, o: { from: number; to: number; serial: number }): Uint8Array {
  const out = new Uint8Array(FRAME_HEADER + SERIAL + o.to - o.from);
  out[0] = type;
  out.set(frame.subarray(1, FRAME_HEADER), 1);
  out[FRAME_HEADER] = o.serial >> 8 & 0xff;
  out[FRAME_HEADER + 1] = o.serial & 0xff;
  out.set(frame.subarray(o.from, o.to), FRAME_HEADER + SERIAL);
  return out;
}
