/**
 * Which certificate a client showed, as far as this coordinator can know. Behind a proxy that ends TLS it is a header's word, and
 * that counts only when the operator named the header and the request comes from an address in `trusted_proxy`: anybody can send a
 * header, and a proxy that is not set up for it passes a client's own on.
 */
import ipaddr from "ipaddr.js";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64.js";
import type { Bytes } from "../wire/encoding.ts";
import type { Connection } from "./https_server.ts";

/** Headers that are known: RFC 9440, and the one of Envoy and others. */
export const CERTIFICATE_HEADERS = ["client-cert", "x-forwarded-client-cert"] as const;
export type CertificateHeader = (typeof CERTIFICATE_HEADERS)[number];

const MAX_HEADER = 32_768;

/** The proxy in front: where it comes from, and the header in which it tells certificates. */
export interface ProxyOptions {
  trustedProxy: readonly string[];
  header: CertificateHeader | undefined;
}

/** The client's certificate (DER); null: it was asked and showed none; undefined: nobody asked, or nobody who is believed. */
export function clientCertificate(
  headers: Headers,
  { address, certificate }: Connection,
  { trustedProxy, header }: ProxyOptions,
): Bytes | null | undefined {
  if (!isWithin(address, trustedProxy)) return certificate;
  if (header === undefined) return undefined;
  const value = headers.get(header);
  if (value === null || value === "" || value.length > MAX_HEADER) return null;
  try {
    return header === "client-cert" ? fromClientCert(value) : fromForwarded(value);
  } catch {
    return null;
  }
}

/** Whether an address is in one of the prefixes; an IPv4 address is one whatever way it is written. */
export function isWithin(address: string, prefixes: readonly string[]): boolean {
  const bare = address.split("%")[0]!;
  if (!ipaddr.isValid(bare)) return false;
  const parsed = ipaddr.process(bare);
  return prefixes.some((prefix) => {
    const [base, length] = ipaddr.parseCIDR(prefix);
    return base.kind() === parsed.kind() && parsed.match(base, length);
  });
}

/** RFC 9440 section 2.1: one byte sequence of RFC 8941. */
function fromClientCert(value: string): Bytes | null {
  const [, base64] = /^\s*:([A-Za-z0-9+/=]+):\s*$/.exec(value) ?? [];
  return base64 === undefined ? null : bytesOf(base64);
}

/** `Hash=...;Cert="URL-encoded PEM";...`: the last element is the nearest hop's. */
function fromForwarded(value: string): Bytes | null {
  const elements = value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  const [, encoded] = /(?:^|;)\s*Cert="([^"]*)"/i.exec(elements.at(-1)?.trim() ?? "") ?? [];
  if (encoded === undefined) return null;
  const [, base64] = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/
    .exec(decodeURIComponent(encoded)) ?? [];
  return base64 === undefined ? null : bytesOf(base64.replace(/\s+/g, ""));
}

function bytesOf(base64: string): Bytes | null {
  const bytes = decodeBase64(base64) as Bytes;
  return encodeBase64(bytes) === base64 ? bytes : null;
}
