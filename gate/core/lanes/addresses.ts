/** Which addresses may be an end of a lane, whoever proves them. */
import ipaddr from "ipaddr.js";

/** Nothing but this machine, or no single machine, is there; link-local is where clouds keep their metadata. */
const REFUSED: ReadonlySet<string> = new Set([
  "unspecified",
  "broadcast",
  "multicast",
  "linkLocal",
  "loopback",
  "reserved",
  "ipv4Mapped",
  "rfc6052",
  "6to4",
  "teredo",
]);
/** Documentation ranges, which ipaddr.js calls reserved; labs live there. */
const DOCUMENTATION = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"].map((p) =>
  ipaddr.parseCIDR(p)
);

/**
 * Whether lanes may lead to `address` (canonical text). The gate's own addresses may: a node can run on the gate's host, and no lane
 * can be led round in circles, because lanes never pass the control STUN on by which an address is proved.
 * @param o.overlay the network's own prefixes: the tunnel cannot carry itself
 */
export function mayBeEnd(address: string, o: { overlay: readonly string[] }): boolean {
  if (!ipaddr.isValid(address) || address.startsWith("0.")) return false;
  const parsed = ipaddr.parse(address);
  const inside = ([base, bits]: [ipaddr.IPv4 | ipaddr.IPv6, number]) =>
    base.kind() === parsed.kind() && parsed.match(base, bits);
  if (REFUSED.has(parsed.range()) && !DOCUMENTATION.some(inside)) return false;
  return !o.overlay.some((prefix) => inside(ipaddr.parseCIDR(prefix)));
}
