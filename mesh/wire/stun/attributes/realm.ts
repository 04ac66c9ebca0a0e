import { boundedText } from "./text.ts";
import type { Attribute } from "../attribute.ts";

/** REALM, RFC 8489 section 14.9: the part of the server that the long-term credentials are for. */
export const REALM: Attribute<string> = boundedText(0x0014, "REALM");
