import { GhostError } from "../../errors.ts";
import { addressBytes, addressText, type TransportAddress } from "../address.ts";
import { type Attribute, viewOf } from "../attribute.ts";

const FAMILY: Readonly<Record<number, number>> = { 1: 4, 2: 16 };

/** The layout that all address attributes share: a zero byte, the family, the port, 4 or 16 bytes of address. */
export function encodeAddress({ address, port }: TransportAddress): Uint8Array {
  const bytes = addressBytes(address);
  const value = new Uint8Array(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  viewOf(value).setUint16(2, port);
  value.set(bytes, 4);
  return value;
}

/** @throws GhostError `bad_input` */
export function decodeAddress(value: Uint8Array, name: string): TransportAddress {
  const place = `stun.${name}`;
  const length = FAMILY[value[1] ?? 0];
  if (length === undefined || value.length !== 4 + length) {
    throw new GhostError("bad_input", "Not an address", { place });
  }
  return { address: addressText(value.subarray(4), place), port: viewOf(value).getUint16(2) };
}

/** MAPPED-ADDRESS, RFC 8489 section 14.1: only very old servers answer with it. */
export const MAPPED_ADDRESS: Attribute<TransportAddress> = {
  type: 0x0001,
  name: "MAPPED-ADDRESS",
  encode: encodeAddress,
  decode: (value) => decodeAddress(value, "MAPPED-ADDRESS"),
};
