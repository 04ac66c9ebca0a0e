/** What the texts for nftables are put together from. */
import { commentOf, type Counted, nameOf, SEEN_FOR, SEEN_MOST, seenName } from "./counted.ts";
import type { PortRange, Ports } from "./types.ts";

/** Sets and chains take this prefix, so that the link's other ones cannot collide with them. */
export const NAME = "policy_";

/** A chain. */
export function chain(name: string, lines: readonly string[]): string {
  return `chain ${name} {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

/** A counter that says whose it is, around the verdict that it counts. */
export function counted(of: Counted, verdict: string): string {
  return `counter ${verdict}${verdict && " "}comment "${commentOf(of)}"`;
}

/** The name of the chain for packets that are kept in mind before they are dropped or go on. */
export function seenChainName(of: Counted): string {
  return NAME + nameOf(of);
}

/**
 * That chain and its sets, bounded in size: flows by addresses, protocol and port, each with a count, forgotten a while after
 * their last packet. A full set takes no more and changes no verdict.
 */
export function seenChain(of: Counted, verdict: "drop" | ""): string {
  const sets: string[] = [], lines: string[] = [];
  for (const family of [4, 6] as const) {
    const ip = family === 4 ? "ip" : "ip6";
    const key = `${ip} saddr . ${ip} daddr . meta l4proto`;
    const type = `ipv${family}_addr . ipv${family}_addr . inet_proto`;
    for (const ports of [true, false]) {
      const name = seenName(of, family, ports);
      sets.push(
        `set ${name} {\n  type ${type}${ports ? " . inet_service" : ""}\n  size ${SEEN_MOST}\n` +
          `  flags dynamic,timeout\n  timeout ${SEEN_FOR}s\n}\n`,
      );
      lines.push(
        `meta l4proto ${ports ? "" : "!= "}{ tcp, udp } update @${name} { ${key}${
          ports ? " . th dport" : ""
        } counter }`,
      );
    }
  }
  return [...sets, chain(seenChainName(of), [...lines, counted(of, verdict)])].join("");
}

/** Named sets of prefixes, one for each content. */
export class Sets {
  readonly text: string[] = [];
  #names = new Map<string, string>();

  /** The name of a set with these prefixes; made when there is none yet. */
  of(family: 4 | 6, prefixes: readonly string[]): string {
    const key = prefixes.join();
    const known = this.#names.get(key);
    if (known) return known;
    const name = this.always(`set${this.#names.size}`, family, prefixes);
    this.#names.set(key, name);
    return name;
  }

  /** A set by this name with those of the prefixes that are of the family, even when there are none. */
  always(suffix: string, family: 4 | 6, prefixes: readonly string[]): string {
    const elements = prefixesOf(family, prefixes);
    const body = elements.length === 0 ? "" : `  elements = {\n    ${elements.join(",\n    ")}\n  }\n`;
    this.text.push(`set ${NAME}${suffix} {\n  type ipv${family}_addr\n  flags interval\n${body}}\n`);
    return NAME + suffix;
  }
}

/** Those of the prefixes that are of the family. */
export function prefixesOf(family: 4 | 6, prefixes: readonly string[]): string[] {
  return prefixes.filter((prefix) => prefix.includes(":") === (family === 6));
}

/** The matches for ports, each with a space after it; `[""]` for all protocols. */
export function services(ports: Ports | null, family: 4 | 6): string[] {
  if (ports === null) return [""];
  const matches: string[] = [];
  for (const protocol of ["tcp", "udp"] as const) {
    const ranges = ports[protocol];
    if (ranges.length === 0) continue;
    const all = ranges[0]![0] === 0 && ranges[0]![1] === 65535;
    matches.push(`meta l4proto ${protocol} ${all ? "" : `th dport { ${ranges.map(portText).join(", ")} } `}`);
  }
  if (ports.icmp) matches.push(`meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"} `);
  return matches;
}

function portText([first, last]: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
