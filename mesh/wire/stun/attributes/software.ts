import { boundedText } from "./text.ts";

/** RFC 8489 section 14.14: 128 characters at most. */
export const SOFTWARE = boundedText(0x8022, "SOFTWARE");

/**
 * What requests to STUN services carry. It says nothing that identifies; its length makes the request longer than any answer, so a
 * service never has to hold one back for fear of being made to shout at somebody else.
 */
export const PADDING = "GhostMesh".padEnd(24);
