import type { TransportAddress } from "../address.ts";
import type { Attribute } from "../attribute.ts";
import { decodeAddress, encodeAddress } from "./mapped_address.ts";

const COOKIE = [0x21, 0x12, 0xa4, 0x42];

/** The port is combined with the cookie's first half, the address with cookie and transaction id: NATs that rewrite addresses in payloads miss it. */
function xor(value: Uint8Array, transaction: Uint8Array): Uint8Array {
  const out = value.slice();
  for (let i = 2; i < out.length; i++) {
    const at = i < 4 ? i - 2 : i - 4;
    out[i]! ^= at < 4 ? COOKIE[at]! : transaction[at - 4] ?? 0;
  }
  return out;
}

/** An address attribute in the combined form. */
export function xorAddress(type: number, name: string): Attribute<TransportAddress> {
  return {
    type,
    name,
    encode: (value, transaction) => xor(encodeAddress(value), transaction),
    decode: (value, transaction) => decodeAddress(xor(value, transaction), name),
  };
}

/** XOR-MAPPED-ADDRESS, RFC 8489 section 14.2: where the request came from. */
export const XOR_MAPPED_ADDRESS: Attribute<TransportAddress> = xorAddress(0x0020, "XOR-MAPPED-ADDRESS");
