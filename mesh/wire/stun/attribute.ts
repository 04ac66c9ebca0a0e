/** What an attribute codec looks like (RFC 8489 section 14); one file each in attributes/. */
import { GhostError } from "../errors.ts";

/** An attribute as it stands in a message; `offset` is where its header begins. */
export interface RawAttribute {
  type: number;
  value: Uint8Array;
  offset: number;
}

/** Reads and writes the value of one kind of attribute. */
export interface Attribute<T> {
  readonly type: number;
  readonly name: string;
  encode(value: T, transaction: Uint8Array): Uint8Array;
  /** @throws GhostError `bad_input` */
  decode(value: Uint8Array, transaction: Uint8Array): T;
}

/** An attribute ready to be written. */
export interface EncodedAttribute {
  type: number;
  value: Uint8Array;
}

/** Types below this one must be understood by the receiver (RFC 8489 section 14). */
export const COMPREHENSION_OPTIONAL = 0x8000;

/** @throws GhostError `bad_input` unless the value has this many bytes */
export function expectLength(value: Uint8Array, length: number, name: string): void {
  if (value.length !== length) {
    throw new GhostError("bad_input", `${value.length} bytes long instead of ${length}`, { place: `stun.${name}` });
  }
}

/** A view for reading numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
