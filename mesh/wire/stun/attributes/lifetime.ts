import type { Attribute } from "../attribute.ts";
import { uint32 } from "./uint32.ts";

/** LIFETIME, RFC 8656 section 18.2: for how many seconds the server keeps an allocation; 0 ends it. */
export const LIFETIME: Attribute<number> = uint32(0x000d, "LIFETIME");
