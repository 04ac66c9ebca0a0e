/**
 * Texts of any length. Deno KV takes values of 64 KiB and atomics of 800 KiB, a ledger entry with a whole policy is larger:
 * such a text is cut into chunks under its hash, written before the atomic that refers to them. A crash in between leaves
 * chunks that nobody refers to and that the next try writes again; it never leaves a reference without its chunks.
 */
import { GhostError } from "../wire/errors.ts";
import { hashOf } from "../trust/keys.ts";
import { keys } from "./keys.ts";

/** Largest text kept in one value, and the size of a chunk, in characters; all texts here are ASCII (compact JWS). */
export const CHUNK = 60 * 1024;
/** Chunks written or deleted in one atomic, and read in one go: well below 800 KiB and ten keys. */
const BATCH = 10;

/** A text in the store: itself, or the hash and number of its chunks. */
export type StoredText = { text: string } | { hash: string; chunks: number };

/**
 * Prepares a text for an atomic that will hold the answer. What is longer than `inline` is written as chunks now.
 */
export async function putText(
  kv: Deno.Kv,
  net: string,
  { text, inline = CHUNK }: { text: string; inline?: number },
): Promise<StoredText> {
  if (text.length <= inline) return { text };
  const hash = await hashOf(text);
  const chunks = Math.ceil(text.length / CHUNK);
  for (let from = 0; from < chunks; from += BATCH) {
    const op = kv.atomic();
    for (let n = from; n < Math.min(chunks, from + BATCH); n++) {
      op.set(keys.chunk(net, hash, n), text.slice(n * CHUNK, (n + 1) * CHUNK));
    }
    await op.commit();
  }
  return { hash, chunks };
}

/** Reads a text back. */
export async function getText(kv: Deno.Kv, net: string, stored: StoredText): Promise<string> {
  if ("text" in stored) return stored.text;
  let text = "";
  for (let from = 0; from < stored.chunks; from += BATCH) {
    const some = Array.from(
      { length: Math.min(BATCH, stored.chunks - from) },
      (_, i) => keys.chunk(net, stored.hash, from + i),
    );
    for (const entry of await kv.getMany<string[]>(some)) {
      if (entry.value === null) {
        throw new GhostError("internal", "The store lacks a part of a text", { place: entry.key.join("/") });
      }
      text += entry.value;
    }
  }
  return text;
}
