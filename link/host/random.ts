/** Random bytes of the system, in the shape that cores and trust ask for. */
import type { Bytes } from "../../mesh/wire/encoding.ts";

/** `n` unpredictable bytes. */
export function random(n: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(n));
}
