/**
 * Addresses as numbers: prefixes, inclusive ranges, and the set operations that the compiler lives on.
 * Parsing is strict (one spelling of an IPv4 address, no zones, no IPv4-mapped IPv6), because other readers of the same
 * text, the kernel above all, must not understand it differently.
 */
import ipaddr from "ipaddr.js";

/** Inclusive range of addresses of one family. */
export interface Range {
  family: 4 | 6;
  first: bigint;
  last: bigint;
}

const bits = (family: 4 | 6) => family === 4 ? 32 : 128;

/** The number of an address, or null when it is none. */
export function parseAddress(text: string): { family: 4 | 6; value: bigint } | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    let value = 0n;
    for (const part of text.split(".")) {
      if ((part.length > 1 && part.startsWith("0")) || Number(part) > 255) return null;
      value = value << 8n | BigInt(part);
    }
    return { family: 4, value };
  }
  if (!/^[0-9a-fA-F:]{2,39}$/.test(text) || !ipaddr.IPv6.isValid(text)) return null;
  let value = 0n;
  for (const part of ipaddr.IPv6.parse(text).parts) value = value << 16n | BigInt(part);
  return value >> 32n === 0xffffn ? null : { family: 6, value };
}

/** The text of an address; IPv6 as in RFC 5952. */
export function formatAddress(family: 4 | 6, value: bigint): string {
  const step = family === 4 ? 8n : 16n;
  const parts: number[] = [];
  for (let shift = BigInt(bits(family)) - step; shift >= 0n; shift -= step) {
    parts.push(Number(value >> shift & ((1n << step) - 1n)));
  }
  return family === 4 ? parts.join(".") : new ipaddr.IPv6(parts).toRFC5952String();
}

/** Why a text is no prefix; `canonical` is set when it only has bits set beyond its length. */
export interface BadPrefix {
  problem: string;
  canonical?: string;
}

/** Reads `10.1.1.0/24`, `fd00::/8`, or a single address. */
export function parsePrefix(text: string): Range | BadPrefix {
  const [address = "", length, ...rest] = text.split("/");
  const parsed = rest.length === 0 ? parseAddress(address) : null;
  if (!parsed) return { problem: "no address or prefix" };
  const { family, value } = parsed;
  const max = bits(family);
  if (length === undefined) return { family, first: value, last: value };
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > max) {
    return { problem: `a prefix length of IPv${family} is 0 to ${max}` };
  }
  const size = 1n << BigInt(max - Number(length));
  const first = value / size * size;
  if (first !== value) {
    return { problem: "bits are set beyond its length", canonical: `${formatAddress(family, first)}/${length}` };
  }
  return { family, first, last: first + size - 1n };
}

/** True for what `parsePrefix` could not read. */
export function isBad(prefix: Range | BadPrefix): prefix is BadPrefix {
  return "problem" in prefix;
}

/** True for 0.0.0.0/0 and ::/0, which stand for the whole internet. */
export function isEverything(range: Range): boolean {
  return range.last - range.first === (1n << BigInt(bits(range.family))) - 1n;
}

/** The common part of two ranges, or null. */
export function intersect(a: Range, b: Range): Range | null {
  if (a.family !== b.family) return null;
  const first = a.first > b.first ? a.first : b.first;
  const last = a.last < b.last ? a.last : b.last;
  return first <= last ? { family: a.family, first, last } : null;
}

/** True when all of `inner` lies in `outer`. */
export function holds(outer: Range, inner: Range): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** All common parts of two sets of ranges. */
export function intersectAll(a: readonly Range[], b: readonly Range[]): Range[] {
  if (a.length === 0 || b.length === 0) return [];
  return a.flatMap((x) => b.map((y) => intersect(x, y)).filter((r) => r !== null));
}

/** What is in `range` and in none of `holes`. */
export function subtract(range: Range, holes: readonly Range[]): Range[] {
  let left = [range];
  for (const hole of holes) {
    left = left.flatMap((r) => {
      const cut = intersect(r, hole);
      if (!cut) return [r];
      const parts: Range[] = [];
      if (r.first < cut.first) parts.push({ ...r, last: cut.first - 1n });
      if (r.last > cut.last) parts.push({ ...r, first: cut.last + 1n });
      return parts;
    });
  }
  return left;
}

/** The same addresses as sorted, disjoint ranges that do not touch. */
export function merge(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) =>
    a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0)
  );
  const out: Range[] = [];
  for (const range of sorted) {
    const previous = out.at(-1);
    if (previous && previous.family === range.family && range.first <= previous.last + 1n) {
      if (range.last > previous.last) previous.last = range.last;
    } else out.push({ ...range });
  }
  return out;
}

/** The fewest prefixes that make up these ranges, sorted; IPv4 before IPv6. Single addresses are /32 and /128. */
export function toPrefixes(ranges: readonly Range[]): string[] {
  const out: string[] = [];
  for (const { family, first, last } of merge(ranges)) {
    for (let at = first; at <= last;) {
      let length = bits(family);
      for (let size = 2n; length > 0 && at % size === 0n && at + size - 1n <= last; size *= 2n) length--;
      out.push(`${formatAddress(family, at)}/${length}`);
      at += 1n << BigInt(bits(family) - length);
    }
  }
  return out;
}
