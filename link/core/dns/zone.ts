/**
 * What this node answers itself: NAME.SUFFIX for itself and for the peers that policy lets it see, and their addresses
 * backwards; and the names that the policy gives. Everything else is somebody else's, and a name that policy does not let this node see does not exist.
 */
import { addressOfReverse, canonicalName, isUnder, MAX_NAME } from "./names.ts";
import { contains } from "../plan/prefix.ts";
import ipaddr from "ipaddr.js";

/** A machine with a name. */
export interface NamedHost {
  name: string;
  ipv4: string | null;
  ipv6: string;
}

/** What the zone is made of. */
export interface ZoneSource {
  /** Names that the policy gives: whole ones, with their addresses. They stand above what machines call themselves. */
  given?: readonly { name: string; addresses: readonly string[] }[];
  /** The network's suffix, such as `home.ghost`. */
  suffix: string;
  hosts: readonly NamedHost[];
  /** The network's own ranges, whose reverse names nobody else knows. */
  ranges: readonly string[];
}

/** One question (RFC 1035, section 4.1.2). */
export interface Question {
  name: string;
  type: string;
}

/** A record of an answer. */
export interface ZoneRecord {
  type: "A" | "AAAA" | "PTR";
  data: string;
}

/** An answer; without records and with `exists` the name has none of that type. */
export interface ZoneAnswer {
  exists: boolean;
  /** The zone that answers, for the SOA of a negative answer (RFC 2308). */
  zone: string;
  records: readonly ZoneRecord[];
}

/** Seconds for which an answer may be kept: peers come and go. */
export const ZONE_TTL = 10;

/** The names of one network, as one node may know them. */
export class Zone {
  readonly suffix: string;
  readonly #ranges: readonly string[];
  readonly #names = new Map<string, readonly string[]>();
  /** Names of the policy beyond the suffix. */
  readonly #foreign = new Map<string, readonly string[]>();
  readonly #addresses = new Map<string, string>();

  constructor({ suffix, hosts, ranges, given = [] }: ZoneSource) {
    this.suffix = canonicalName(suffix);
    this.#ranges = ranges;
    for (const host of hosts) {
      const name = `${canonicalName(host.name)}.${this.suffix}`;
      const addresses = [host.ipv4, host.ipv6].filter((address) => address !== null);
      this.#names.set(name, addresses);
      for (const address of addresses) this.#addresses.set(ipaddr.parse(address).toString(), name);
    }
    for (const { name: text, addresses } of given) {
      const name = canonicalName(text);
      (isUnder(name, this.suffix) ? this.#names : this.#foreign).set(name, addresses);
    }
  }

  /** Number of names. */
  get size(): number {
    return this.#names.size + this.#foreign.size;
  }

  /** Names beyond the suffix that are answered here. */
  get foreign(): string[] {
    return [...this.#foreign.keys()];
  }

  /** Null for what is not ours to answer. */
  answer({ name: asked, type }: Question): ZoneAnswer | null {
    const name = canonicalName(asked);
    if (name.length > MAX_NAME) return null;
    if (isUnder(name, this.suffix)) return this.#forward(name, type);
    const foreign = this.#foreign.get(name);
    if (foreign) return { exists: true, zone: name, records: recordsOf(foreign, type) };
    const address = addressOfReverse(name);
    if (address === null || !this.#ranges.some((range) => contains(range, address))) return null;
    const found = this.#addresses.get(address);
    const zone = name.endsWith("ip6.arpa") ? "ip6.arpa" : "in-addr.arpa";
    const wanted = type === "PTR" || type === "ANY";
    return { exists: found !== undefined, zone, records: found && wanted ? [{ type: "PTR", data: found }] : [] };
  }

  #forward(name: string, type: string): ZoneAnswer {
    const addresses = this.#names.get(name);
    const exists = addresses !== undefined || name === this.suffix;
    return { exists, zone: this.suffix, records: recordsOf(addresses ?? [], type) };
  }
}

function recordsOf(addresses: readonly string[], type: string): ZoneRecord[] {
  return addresses.map((data): ZoneRecord => ({ type: data.includes(":") ? "AAAA" : "A", data }))
    .filter((record) => type === record.type || type === "ANY");
}
