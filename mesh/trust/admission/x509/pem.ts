/** PEM (RFC 7468), strictly: what a file holds of one label, in its order. */
import { decodeBase64, encodeBase64 } from "@std/encoding/base64.js";
import type { Bytes } from "../../../wire/encoding.ts";

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The contents of all blocks with this label. @throws Error for base64 that is none, or more than `max` blocks */
export function readPem(text: string, label: string, max = 64): Bytes[] {
  const found: Bytes[] = [];
  for (const [, name, base64] of text.matchAll(BLOCK)) {
    if (name !== label) continue;
    if (found.length >= max) throw new Error(`more than ${max} times "${label}"`);
    const compact = base64!.replace(/\s+/g, "");
    const bytes = decodeBase64(compact) as Bytes;
    if (encodeBase64(bytes) !== compact) throw new Error(`"${label}" is not base64`);
    found.push(bytes);
  }
  return found;
}
