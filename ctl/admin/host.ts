/** The outside world of the admin verbs. */
import { type Bytes, toBase64Url } from "../../mesh/wire/encoding.ts";

/** Fresh random bytes. */
export function random(n: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** Seconds since 1970. */
export function unixTime(): number {
  return Math.floor(Date.now() / 1000);
}

/** SHA-256 of the certificate in a PEM text, base64url: what codes and tokens pin. */
export async function hashOfPem(pem: string): Promise<string> {
  const base64 = pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  const der = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", der)));
}

/** `2026-01-01T00:00:00.000Z` for seconds since 1970. */
export function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** All of standard input, trimmed: how secrets come in without standing in argv. */
export async function readStdin(): Promise<string> {
  return (await new Response(Deno.stdin.readable).text()).trim();
}
