/**
 * Where a relay must never send (SECURITY.md, row 15): this host, its site, its neighbours on the link, cloud metadata, the overlay,
 * and every IPv6 range that has one of those inside. Given to coturn as ranges and to nft as prefixes, because one of the two
 * has been wrong before (CVE-2020-26262, CVE-2026-27624). Documentation ranges are no danger: nothing lies there.
 */
import ipaddr from "ipaddr.js";
import { GhostError } from "../../../mesh/wire/errors.ts";

const DENIED: readonly string[] = [
  "0.0.0.0/8", // this host (RFC 1122)
  "10.0.0.0/8",
  "100.64.0.0/10", // carrier-grade NAT, and the usual overlay
  "127.0.0.0/8",
  "169.254.0.0/16", // link-local, with the metadata service of clouds
  "172.16.0.0/12",
  "192.0.0.0/24", // protocol assignments
  "192.88.99.0/24", // 6to4 anycast
  "192.168.0.0/16",
  "198.18.0.0/15", // benchmarks
  "224.0.0.0/4",
  "240.0.0.0/4", // reserved, with the broadcast address
  "::/96", // unspecified, loopback, IPv4-compatible
  "::ffff:0:0/96", // IPv4-mapped
  "::ffff:0:0:0/96", // IPv4-translated
  "64:ff9b::/96", // NAT64 has any IPv4 address inside
  "64:ff9b:1::/48",
  "100::/64", // discard
  "2001::/32", // Teredo
  "2002::/16", // 6to4
  "fc00::/7",
  "fe80::/10",
  "fec0::/10", // site-local of old
  "ff00::/8",
];

/** A range of addresses in the forms that coturn and nft take. */
export interface DeniedRange {
  family: 4 | 6;
  prefix: string;
  first: string;
  last: string;
}

/**
 * All ranges, those of the network (`overlay`, as prefixes) included.
 * @throws GhostError `bad_input` for what is no prefix
 */
export function deniedRanges(overlay: readonly string[]): DeniedRange[] {
  return [...new Set([...DENIED, ...overlay])].map(rangeOf);
}

function rangeOf(prefix: string): DeniedRange {
  if (!ipaddr.isValidCIDR(prefix)) {
    throw new GhostError("bad_input", `Not a prefix: "${prefix}"`, { place: "turn.denied" });
  }
  const [base, bits] = ipaddr.parseCIDR(prefix);
  const first = base.toByteArray().map((byte, i) => byte & mask(bits, i));
  const last = base.toByteArray().map((byte, i) => byte | (~mask(bits, i) & 0xff));
  const text = (bytes: number[]) => ipaddr.fromByteArray(bytes).toNormalizedString();
  return {
    family: base.kind() === "ipv6" ? 6 : 4,
    prefix: `${text(first)}/${bits}`,
    first: text(first),
    last: text(last),
  };
}

/** The `i`-th byte of a mask of this many bits. */
function mask(bits: number, i: number): number {
  const ones = Math.min(8, Math.max(0, bits - 8 * i));
  return (0xff << (8 - ones)) & 0xff;
}
