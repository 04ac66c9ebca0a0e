import type { TransportAddress } from "../address.ts";
import type { Attribute } from "../attribute.ts";
import { xorAddress } from "./xor_mapped_address.ts";

/** XOR-PEER-ADDRESS, RFC 8656 section 18.3: the peer as the TURN server sees it. */
export const XOR_PEER_ADDRESS: Attribute<TransportAddress> = xorAddress(0x0012, "XOR-PEER-ADDRESS");
/** XOR-RELAYED-ADDRESS, RFC 8656 section 18.5: the address that the server holds for its client. */
export const XOR_RELAYED_ADDRESS: Attribute<TransportAddress> = xorAddress(0x0016, "XOR-RELAYED-ADDRESS");
