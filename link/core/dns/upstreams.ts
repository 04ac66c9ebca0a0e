/**
 * Who is asked about a name that is not ours: for a domain of the policy's `[dns]` the servers named there, otherwise its
 * `upstreams`, or without any those that this machine used before us. Our own coordinator and gates are always asked of the latter: a server behind the tunnel
 * could not be reached before the tunnel is up, and the tunnel not without these names (NetBird 2454).
 */
import { canonicalName, isUnder } from "./names.ts";

/** Servers for a domain and all that lies under it. */
export interface SplitDomain {
  domain: string;
  /** Addresses; port 53. */
  servers: readonly string[];
}

/** The domains and search list that the network gives its machines. */
export interface DnsSettings {
  /** Asked about all names that are in no domain of `split`; none: those that the machine used before us. */
  upstreams: readonly string[];
  split: readonly SplitDomain[];
  search: readonly string[];
}

/** No settings at all. */
export const NO_DNS_SETTINGS: DnsSettings = { upstreams: [], split: [], search: [] };

/** Servers for a name, best first; empty when nobody can be asked. */
export function serversFor(
  asked: string,
  o: {
    split: readonly SplitDomain[];
    upstreams: readonly string[];
    system: readonly string[];
    own: readonly string[];
  },
): readonly string[] {
  const name = canonicalName(asked);
  if (o.own.some((own) => canonicalName(own) === name)) return o.system;
  const fitting = o.split.filter(({ domain }) => isUnder(name, canonicalName(domain)));
  const longest = fitting.toSorted((a, b) => b.domain.length - a.domain.length)[0];
  return longest?.servers ?? (o.upstreams.length > 0 ? o.upstreams : o.system);
}
