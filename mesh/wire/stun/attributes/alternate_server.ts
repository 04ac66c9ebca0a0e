import type { TransportAddress } from "../address.ts";
import type { Attribute } from "../attribute.ts";
import { decodeAddress, encodeAddress } from "./mapped_address.ts";

/** ALTERNATE-SERVER, RFC 8489 section 14.15: another server to go to. */
export const ALTERNATE_SERVER: Attribute<TransportAddress> = {
  type: 0x8023,
  name: "ALTERNATE-SERVER",
  encode: encodeAddress,
  decode: (value) => decodeAddress(value, "ALTERNATE-SERVER"),
};
