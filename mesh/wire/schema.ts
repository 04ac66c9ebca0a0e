/** Building blocks of all schemas: every text and list has a bound, and a refusal names the place. */
import { z } from "zod";
import { type ErrorCode, GhostError } from "./errors.ts";

export { z };

/** 32 bytes in base64url: an Ed25519 or X25519 public key, or a SHA-256 hash. The last character carries 4 bits, so its form is checked. */
export const key32 = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "Expected 32 bytes in base64url");
/** A node or gate id: 16 bytes in lower-case base32. */
export const nodeId = z.string().regex(/^[a-z2-7]{25}[aeimquy4]$/, "Expected an id of 26 base32 characters");
/** A network id: 20 bytes in lower-case base32. */
export const networkId = z.string().regex(/^[a-z2-7]{32}$/, "Expected a network id of 32 base32 characters");
/** A machine's or network's name: a DNS label. */
export const label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "Expected a DNS label (a-z, 0-9, -)");
/** `tag:web` */
export const tag = z.string().regex(/^tag:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "Expected a tag such as tag:web");
/** A compact JWS of bounded length. */
export const jws = z.string().max(1 << 20).regex(
  /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/,
  "Expected a compact JWS",
);
/** Seconds since 1970. */
export const seconds = z.int().min(0).max(253402300799);
/** A port number. */
export const port = z.int().min(1).max(65535);
/** An IPv4 or IPv6 prefix in canonical form is checked where it is used; here only its length. */
export const prefix = z.string().min(3).max(50).regex(
  /^[0-9a-f.:]+\/\d{1,3}$/,
  "Expected a prefix such as 10.1.1.0/24",
);

/**
 * Reads `value` by `schema`.
 * @throws GhostError with `code`, the first fault's message, and its place as `root.path[2].to`
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, root: string, code: ErrorCode = "bad_input"): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map((p) => typeof p === "number" ? `[${p}]` : `.${String(p)}`).join("");
  throw new GhostError(code, issue.message, { place: (root + path).slice(0, 200) });
}
