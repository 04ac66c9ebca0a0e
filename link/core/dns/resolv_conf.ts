/** The text of /etc/resolv.conf (resolv.conf(5)): reading what others put there, and writing ours. */
import ipaddr from "ipaddr.js";

/** First line of ours; by it a later start knows what a crash left. */
const RESOLV_MARK = "# Written by ghostlink; what was here before comes back when it ends.";

/** What a resolv.conf says, as far as it matters here. */
export interface ResolvConf {
  nameservers: string[];
  search: string[];
  options: string[];
}

/** Reads a resolv.conf. Lines that make no sense are passed over, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const found: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.slice(0, 65_536).split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0] !== undefined && ipaddr.isValid(rest[0].replace(/%.*$/, ""))) {
      found.nameservers.push(rest[0]);
    } else if (word === "search" || word === "domain") found.search = rest;
    else if (word === "options") found.options.push(...rest);
  }
  return found;
}

/** True for a text that we wrote. */
export function isOurs(text: string): boolean {
  return text.startsWith(RESOLV_MARK);
}

/** Longest search list that every C library takes: 6 domains, 256 characters. */
const MAX_SEARCH = 6;

/** Ours: this node's resolver alone, our search domains before those that were there, and the options that were there. */
export function renderResolvConf(before: string, o: { server: string; search: readonly string[] }): string {
  const old = parseResolvConf(before);
  const search: string[] = [];
  for (const domain of new Set([...o.search, ...old.search])) {
    if (search.length < MAX_SEARCH && [...search, domain].join(" ").length <= 256) search.push(domain);
  }
  return [
    RESOLV_MARK,
    `nameserver ${o.server}`,
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(old.options.length > 0 ? [`options ${old.options.join(" ")}`] : []),
    "",
  ].join("\n");
}
