/** By which addresses a gate is dialled from this machine. */
import ipaddr from "ipaddr.js";
import type { HostAddresses } from "./host_addresses.ts";
import type { IpTool } from "./ip.ts";

/** More addresses than this are not dialled for one session. */
const MOST = 16;

/** What this machine knows of hosts and ways. */
export interface WaysHost {
  addresses: Pick<HostAddresses, "look">;
  ip: Pick<IpTool, "routeTo">;
}

/**
 * Addresses for these hosts of a gate, without those that no route leads to; all of them when none leads anywhere. A name itself
 * comes last: the system may know it better than the resolver does (its hosts file).
 */
export async function waysTo(hosts: readonly string[], o: WaysHost): Promise<string[]> {
  const named = hosts.filter((host) => !ipaddr.isValid(host));
  const found = (await Promise.all(hosts.map((host) => o.addresses.look(host)))).flat();
  const all = [...new Set(found)].slice(0, MOST);
  // Of one alone nothing is to be chosen.
  if (all.length + named.length < 2) return [...all, ...named];
  // A question that cannot be asked says nothing about the way.
  const routes = await Promise.all(all.map((address) => o.ip.routeTo(address).catch(() => undefined)));
  const open = [...all.filter((_, i) => routes[i] !== null), ...named];
  return open.length > 0 ? open : all;
}

/** The first address of each family among these hosts; names are passed over. */
export function firstOfFamilies(hosts: readonly string[]): string[] {
  const addresses = hosts.filter((host) => ipaddr.isValid(host));
  return [false, true].flatMap((six) => addresses.find((address) => address.includes(":") === six) ?? [])
    .sort((a, b) => addresses.indexOf(a) - addresses.indexOf(b));
}
