import { boundedText } from "./text.ts";
import type { Attribute } from "../attribute.ts";

/** NONCE, RFC 8489 section 14.10: the server's word, returned as it came until the server says that it is stale. */
export const NONCE: Attribute<string> = boundedText(0x0015, "NONCE");
