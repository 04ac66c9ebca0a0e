import { boundedText } from "./text.ts";
import type { Attribute } from "../attribute.ts";

/** SOFTWARE, RFC 8489 section 14.14: for people who read traces. */
export const SOFTWARE: Attribute<string> = boundedText(0x8022, "SOFTWARE");
