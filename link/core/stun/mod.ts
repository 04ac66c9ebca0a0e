/** STUN, RFC 8489: messages, attributes, and a client for server-reflexive addresses. */
export * from "./address.ts";
export * from "./binding.ts";
export type { StunCrypto } from "./crypto.ts";
export * from "./message.ts";
export { crc32 } from "./attributes/fingerprint.ts";
export { CHANGE_PORT } from "./attributes/change_request.ts";
export { ERROR_CODE, type StunError } from "./attributes/error_code.ts";
export { ICE_CONTROLLED, ICE_CONTROLLING } from "./attributes/ice_role.ts";
export { MAPPED_ADDRESS } from "./attributes/mapped_address.ts";
export { NOMINATION } from "./attributes/nomination.ts";
export { PRIORITY } from "./attributes/priority.ts";
export { UNKNOWN_ATTRIBUTES } from "./attributes/unknown_attributes.ts";
export { USE_CANDIDATE } from "./attributes/use_candidate.ts";
export { USERNAME } from "./attributes/username.ts";
export { XOR_MAPPED_ADDRESS } from "./attributes/xor_mapped_address.ts";
