/** `tcp/443`, `tcp/8000-8999`, `udp`, `icmp`: reading ports, and asking whether one set of them covers or meets another. */
import { suggest } from "./names.ts";
import { Notes, quoted, type Word } from "./shape.ts";
import type { PortRange, Ports } from "./types.ts";

const PROTOCOLS = ["tcp", "udp", "icmp"];
const ALL_PORTS: PortRange = [0, 65535];

/** Reads one entry of `ports`; what is wrong with it is noted. */
export function readPort(word: Word, notes: Notes): Ports | undefined {
  const [protocol = "", range, ...rest] = word.text.split("/");
  const bad = (problem: string, mend: string) => void notes.fault(word, `${quoted(word.text)}: ${problem}`, mend);
  if (!PROTOCOLS.includes(protocol)) {
    return /^\d+(-\d+)?$/.test(word.text)
      ? bad("the protocol is missing", `write "tcp/${word.text}" or "udp/${word.text}"`)
      : bad(`unknown protocol ${quoted(protocol)}`, suggest(protocol, PROTOCOLS, `known: ${PROTOCOLS.join(", ")}`));
  }
  if (protocol === "icmp") {
    if (range !== undefined) return bad("icmp has no ports", 'write "icmp"');
    return { tcp: [], udp: [], icmp: true };
  }
  const ports = range === undefined ? ALL_PORTS : readRange(range);
  if (rest.length > 0 || !ports) {
    return bad(
      "no port or range of ports",
      `write "${protocol}/443", "${protocol}/8000-8999" or "${protocol}" for all`,
    );
  }
  if (ports[0] > ports[1]) return bad("the range is upside down", `write "${protocol}/${ports[1]}-${ports[0]}"`);
  if (ports[1] > 65535 || (range !== undefined && ports[0] < 1)) {
    return bad("ports are 1 to 65535", `write "${protocol}" for all ports`);
  }
  return { tcp: [], udp: [], icmp: false, [protocol]: [ports] };
}

function readRange(text: string): PortRange | undefined {
  const match = /^(0|[1-9]\d{0,5})(?:-(0|[1-9]\d{0,5}))?$/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? match[1])] : undefined;
}

/** The union. */
export function joinPorts(all: readonly Ports[]): Ports {
  return {
    tcp: mergePorts(all.flatMap((p) => p.tcp)),
    udp: mergePorts(all.flatMap((p) => p.udp)),
    icmp: all.some((p) => p.icmp),
  };
}

function mergePorts(ranges: readonly PortRange[]): PortRange[] {
  const out: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = out.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else out.push([first, last]);
  }
  return out;
}

/** What a packet is to a filter: an IP protocol number, and a port for TCP and UDP. */
export interface Service {
  protocol: number;
  port?: number;
}

/** IP protocol numbers that rules can name. */
export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;
/** Stands for all the protocols that rules cannot name (253 is reserved for experiments, RFC 3692). */
const UNNAMED = 253;

/** True when `ports` let the service through. */
export function opens(ports: Ports | null, { protocol, port }: Service): boolean {
  if (ports === null) return true;
  const within = (ranges: readonly PortRange[]) =>
    port !== undefined && ranges.some(([first, last]) => first <= port && port <= last);
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return within(ports.tcp);
    case IP_PROTOCOL.udp:
      return within(ports.udp);
    case IP_PROTOCOL.icmp:
    case IP_PROTOCOL.icmp6:
      return ports.icmp;
    default:
      return false;
  }
}

/**
 * Services that stand for all of `ports` as far as `rules` can tell them apart: within each of them no rule's answer
 * changes, so asking about these few is asking about all.
 */
export function samples(ports: Ports | null, rules: readonly (Ports | null)[]): Service[] {
  const of = (name: "tcp" | "udp"): Service[] => {
    const wanted = ports === null ? [ALL_PORTS] : ports[name];
    const edges = rules.flatMap((r) => r === null ? [] : r[name].flatMap(([first, last]) => [first, last + 1]));
    return wanted.flatMap(([first, last]) =>
      [...new Set([first, ...edges.filter((edge) => first < edge && edge <= last)])]
        .map((port) => ({ protocol: IP_PROTOCOL[name], port }))
    );
  };
  const icmp = ports === null || ports.icmp ? [{ protocol: IP_PROTOCOL.icmp }] : [];
  return [...of("tcp"), ...of("udp"), ...icmp, ...(ports === null ? [{ protocol: UNNAMED }] : [])];
}

/** Ports in words: `tcp/443, udp, icmp`; null is `everything`. */
export function portsText(ports: Ports | null): string {
  if (ports === null) return "everything";
  const words = (["tcp", "udp"] as const).flatMap((name) =>
    ports[name].map(([first, last]) =>
      first === 0 && last === 65535 ? name : `${name}/${first === last ? first : `${first}-${last}`}`
    )
  );
  return [...words, ...(ports.icmp ? ["icmp"] : [])].join(", ") || "nothing";
}

/** `443` (which is TCP's), `udp/53` or `icmp` as ports; undefined for what is none of these. */
export function readService(text: string): Ports | undefined {
  const notes = new Notes();
  const word = /^\d/.test(text) ? `tcp/${text}` : text;
  const ports = readPort({ text: word, line: 1, column: 1 }, notes);
  return notes.faults.length === 0 ? ports : undefined;
}
