/**
 * The two texts that people carry from one machine to another: join tokens and set-up codes.
 * Both hold a secret: they are never logged, never put in argv of a subprocess and never stored world-readable.
 */
import { fromBase64Url, fromUtf8, parseJson, toBase64Url, utf8 } from "./encoding.ts";
import { GhostError } from "./errors.ts";
import { ledgerHead } from "./ledger.ts";
import { key32, networkId, parse, z } from "./schema.ts";

const TOKEN_MARK = "ghost1_";
const SETUP_MARK = "setup1_";

const joinToken = z.strictObject({
  /** Where the coordinator is: `https://host:port`. */
  server: z.string().max(512),
  /** SHA-256 of the coordinator's own CA certificate (DER); absent when its certificate is from a public CA or TLS is off. */
  ca: key32.optional(),
  net: networkId,
  /** The ledger's head when the token was made: a server that shows less is rolling back. */
  head: ledgerHead,
  /** Ed25519 private key (the 32-byte seed) whose public half is in the ledger's grant. */
  key: key32,
});

/** What a join token holds. */
export type JoinToken = z.infer<typeof joinToken>;

/** The token's text, about 400 characters. */
export function encodeToken(token: JoinToken): string {
  return TOKEN_MARK + toBase64Url(utf8(JSON.stringify(token)));
}

/**
 * Reads a token's text.
 * @throws GhostError `bad_token`; the message never repeats the text
 */
export function decodeToken(text: string): JoinToken {
  const mend = "make a new one with: ghostctl token create";
  const bad = () => new GhostError("bad_token", "The join token is malformed or cut short", { place: "--auth", mend });
  const trimmed = text.trim();
  if (!trimmed.startsWith(TOKEN_MARK) || trimmed.length > 4096) throw bad();
  let value: unknown;
  try {
    value = parseJson(fromUtf8(fromBase64Url(trimmed.slice(TOKEN_MARK.length))));
  } catch {
    throw bad();
  }
  try {
    return parse(joinToken, value, "token", "bad_token");
  } catch {
    throw bad();
  }
}

/** What a set-up code holds: the one-time secret (16 bytes) and the hash of the coordinator's CA (absent with real certificates or TLS off). */
export interface SetupCode {
  secret: Uint8Array;
  ca: string | undefined;
}

/** The set-up code's text. */
export function encodeSetupCode(code: SetupCode): string {
  if (code.secret.length !== 16) throw new RangeError("A set-up secret has 16 bytes");
  const ca = code.ca === undefined ? new Uint8Array() : fromBase64Url(code.ca);
  const bytes = new Uint8Array(16 + ca.length);
  bytes.set(code.secret);
  bytes.set(ca, 16);
  return SETUP_MARK + toBase64Url(bytes);
}

/**
 * Reads a set-up code.
 * @throws GhostError `bad_setup_code`
 */
export function decodeSetupCode(text: string): SetupCode {
  const trimmed = text.trim();
  try {
    if (trimmed.startsWith(SETUP_MARK)) {
      const bytes = fromBase64Url(trimmed.slice(SETUP_MARK.length));
      if (bytes.length === 16) return { secret: bytes, ca: undefined };
      if (bytes.length === 48) return { secret: bytes.slice(0, 16), ca: toBase64Url(bytes.slice(16)) };
    }
  } catch { /* told below */ }
  throw new GhostError("bad_setup_code", "The set-up code is malformed or cut short", {
    place: "--setup",
    mend: "copy it from what the coordinator printed when it started",
  });
}
