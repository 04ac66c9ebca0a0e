/**
 * Whose a counter is, and whose a set of seen flows: as the comment of a rule and in the name of a set, so that what is read
 * back from the kernel needs no memory of what was loaded but the filter itself.
 */

/** What counts. `rules` are indexes of the policy's `[[allow]]` or `[[firewall]]`; several of them count together. */
export interface Counted {
  kind: "allow" | "firewall" | "refused" | "stranger" | "invalid";
  direction: "in" | "out";
  rules: readonly number[];
}

/** A flow that was logged or dropped, as the kernel keeps it. */
export interface SeenFlow {
  of: Counted;
  source: string;
  destination: string;
  /** As nftables says it: `tcp`, `ipv6-icmp`, or a number. */
  protocol: string;
  port: number | null;
  packets: number;
  /** Seconds since the last of them. */
  ago: number;
}

/** Packets and bytes of one counter. */
export interface Count {
  of: Counted;
  packets: number;
  bytes: number;
}

/** How long a flow is remembered after its last packet, in seconds, and how many of them for each rule, family and kind. */
export const SEEN_FOR = 3600;
export const SEEN_MOST = 256;
const SEEN = "policy_seen_";
/** What nftables takes as a comment. */
const MAX_COMMENT = 120;

/** The comment of a rule. Of very many rules that count together only the first ones are named. */
export function commentOf({ kind, direction, rules }: Counted): string {
  let text = `${kind} ${direction}`;
  for (const rule of rules) {
    if (text.length + String(rule).length + 1 > MAX_COMMENT) break;
    text += ` ${rule}`;
  }
  return text;
}

function readWords(words: readonly string[]): Counted | null {
  const [kind, direction, ...rules] = words;
  if (!/^(allow|firewall|refused|stranger|invalid)$/.test(kind ?? "") || !/^(in|out)$/.test(direction ?? "")) {
    return null;
  }
  if (!rules.every((rule) => /^\d{1,9}$/.test(rule))) return null;
  return {
    kind: kind as Counted["kind"],
    direction: direction as Counted["direction"],
    rules: rules.map(Number),
  };
}

/** The name of a chain or set of what counts. */
export function nameOf({ kind, direction, rules }: Counted): string {
  return [kind, direction, ...rules].join("_");
}

/** The set of flows of one family, with ports (TCP and UDP) or without. */
export function seenName(of: Counted, family: 4 | 6, ports: boolean): string {
  return `${SEEN}${nameOf(of)}_${family}${ports ? "p" : "o"}`;
}

function readSeenName(name: string): Counted | null {
  const [, words] = name.startsWith(SEEN) ? /^(.*)_[46][po]$/.exec(name.slice(SEEN.length)) ?? [] : [];
  return words === undefined ? null : readWords(words.split("_"));
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;
const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((inner, key) => isObject(inner) ? (inner as Json)[key] : undefined, value);
const number = (value: unknown): number => typeof value === "number" && value >= 0 ? value : 0;

/** Counters and seen flows of `nft -j list table`; what is none of ours is passed over. */
export function readListing(listing: unknown): { counts: Count[]; flows: SeenFlow[] } {
  const items = at(listing, "nftables");
  const counts: Count[] = [], flows: SeenFlow[] = [];
  for (const item of Array.isArray(items) ? items : []) {
    const comment = at(item, "rule", "comment");
    const of = typeof comment === "string" ? readWords(comment.split(" ")) : null;
    const expr = at(item, "rule", "expr");
    const counter = Array.isArray(expr) ? expr.find((part) => at(part, "counter")) : undefined;
    if (of && counter) {
      counts.push({
        of,
        packets: number(at(counter, "counter", "packets")),
        bytes: number(at(counter, "counter", "bytes")),
      });
    }
    const set = at(item, "set", "name");
    const seen = typeof set === "string" ? readSeenName(set) : null;
    const elements = at(item, "set", "elem");
    if (!seen || !Array.isArray(elements)) continue;
    for (const element of elements) {
      const key = at(element, "elem", "val", "concat");
      if (!Array.isArray(key)) continue;
      const [source, destination, protocol, port] = key;
      flows.push({
        of: seen,
        source: String(source),
        destination: String(destination),
        protocol: String(protocol),
        port: typeof port === "number" ? port : null,
        packets: number(at(element, "elem", "counter", "packets")),
        ago: Math.max(0, SEEN_FOR - number(at(element, "elem", "expires"))),
      });
    }
  }
  return { counts, flows };
}
