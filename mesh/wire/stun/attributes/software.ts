import type { Attribute } from "../attribute.ts";
import { boundedText } from "./text.ts";

/** SOFTWARE, RFC 8489 section 14.14: 128 characters at most. */
export const SOFTWARE: Attribute<string> = boundedText(0x8022, "SOFTWARE");

/**
 * What requests carry as SOFTWARE. It says nothing that identifies; its length makes a request longer than any answer to it, so that a
 * service never has to hold one back for fear of being made to shout at somebody else.
 */
export const FILLER = {
  /** Of a Binding request. */
  binding: "GhostMesh".padEnd(24),
  /** Of an Allocate request without credentials: it is refused with realm and nonce. */
  allocate: "GhostMesh".padEnd(96),
} as const;
