/** Under which addresses nodes reach this gate, when its operator has not said. */
import ipaddr from "ipaddr.js";
import { sourceOf } from "../core/source.ts";

/** Kinds of addresses that are reachable from their own site at most; documentation ranges count as global, as in labs. */
const LOCAL = new Set(["private", "uniqueLocal", "carrierGradeNat"]);
/** Kinds that no other machine can use. */
const USELESS = new Set(["loopback", "linkLocal", "unspecified", "multicast", "broadcast"]);
/** As many as a record holds. */
const MAX_HOSTS = 16;

/**
 * The host's global addresses, else its local ones, else 127.0.0.1, IPv4 first.
 * @param o.listen the address that the server is bound to; a certain one is the only answer
 * @param o.own addresses of the host's interfaces
 * @param o.overlay the network's own prefixes: a gate reached through the tunnel could not carry the tunnel
 */
export function hostsOf(o: { listen: string; own: readonly string[]; overlay: readonly string[] }): string[] {
  const bound = ipaddr.process(o.listen);
  if (bound.range() !== "unspecified") return [bound.toString()];
  const both = ipaddr.parse(o.listen).kind() === "ipv6";
  const overlay = o.overlay.map((prefix) => ipaddr.parseCIDR(prefix));
  const usable = o.own.map((text) => ipaddr.process(text.replace(/%.*$/, ""))).filter((address) =>
    (both || address.kind() === "ipv4") && !USELESS.has(address.range()) &&
    !overlay.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))
  );
  const global = usable.filter((address) => !LOCAL.has(address.range()));
  const chosen = global.length > 0 ? global : usable;
  const texts = chosen.map((address) => address.toString());
  // In an order that does not change by itself, so that the record does not either.
  const ordered = [...new Set(texts)].sort((a, b) =>
    Number(a.includes(":")) - Number(b.includes(":")) || (a < b ? -1 : 1)
  );
  return ordered.length > 0 ? ordered.slice(0, MAX_HOSTS) : ["127.0.0.1"];
}

/** Whether other machines than the host itself, and its link, can ask at this address of its own. */
export function isFar(address: string): boolean {
  return !/^(?:127\.|169\.254\.|::1$|fe80:|ff)/i.test(address);
}

/** Whether a socket bound to `hostname` hears what comes to this address of the host. */
export function hears(hostname: string, address: string): boolean {
  if (hostname === "::") return true;
  if (hostname === "0.0.0.0") return !address.includes(":");
  return sourceOf(address, 1).address === sourceOf(hostname, 1).address;
}

/** The host name's first part as a name in the network. */
export function labelOf(hostname: string): string {
  const text = hostname.split(".")[0]!.toLowerCase().replace(/[^a-z0-9-]+/g, "-").slice(0, 63).replace(/^-+|-+$/g, "");
  return text || "gate";
}
