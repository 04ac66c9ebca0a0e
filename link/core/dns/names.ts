/** Domain names as they are compared: lower case, without the last dot; and the names under which addresses are looked up. */
import ipaddr from "ipaddr.js";

/** Longest name (RFC 1035, section 2.3.4), in characters. */
export const MAX_NAME = 253;

/** One spelling a name. */
export function canonicalName(name: string): string {
  return (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
}

/** True when `name` is the domain or lies under it; both canonical. The root holds everything. */
export function isUnder(name: string, domain: string): boolean {
  return domain === "" || name === domain || name.endsWith(`.${domain}`);
}

/** The address that a name of in-addr.arpa or ip6.arpa stands for (RFC 1035, section 3.5; RFC 3596, section 2.5); null for others. */
export function addressOfReverse(name: string): string | null {
  const labels = name.split(".");
  if (name.endsWith(".in-addr.arpa") && labels.length === 6) {
    const text = labels.slice(0, 4).toReversed().join(".");
    return ipaddr.IPv4.isValidFourPartDecimal(text) ? text : null;
  }
  if (name.endsWith(".ip6.arpa") && labels.length === 34) {
    const digits = labels.slice(0, 32).toReversed();
    if (!digits.every((digit) => /^[0-9a-f]$/.test(digit))) return null;
    return ipaddr.IPv6.parse(digits.join("").match(/.{4}/g)!.join(":")).toString();
  }
  return null;
}

/**
 * The zones that hold the reverse names of a prefix, at whole octets or nibbles: 100.64.0.0/10 takes 64.100.in-addr.arpa to
 * 127.100.in-addr.arpa.
 */
export function reverseZones(prefix: string): string[] {
  const [network, length] = ipaddr.parseCIDR(prefix);
  const [step, suffix] = network.kind() === "ipv4" ? [8, "in-addr.arpa"] as const : [4, "ip6.arpa"] as const;
  const octets = network.toByteArray();
  const units = step === 8 ? octets : octets.flatMap((octet) => [octet >> 4, octet & 15]);
  const count = Math.ceil(length / step);
  const last = units[count - 1] ?? 0;
  const more = 1 << (count * step - length);
  return Array.from({ length: more }, (_, i) => {
    const own = [...units.slice(0, Math.max(0, count - 1)), ...(count > 0 ? [last + i] : [])];
    return [...own.map((unit) => unit.toString(step === 8 ? 10 : 16)).toReversed(), suffix].join(".");
  });
}
