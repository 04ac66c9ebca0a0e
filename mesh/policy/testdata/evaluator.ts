/** A slow, obvious evaluator of a policy's rules, that knows nothing of ranges, sides or filters. */
import type { Service } from "../ports.ts";
import { formatAddress, isBad, parseAddress, parsePrefix, type Range } from "../prefix.ts";
import type { PolicyNode, PolicyRoute } from "../types.ts";

/** A rule as it is written. */
export interface RuleText {
  from: string[];
  to: string[];
  ports?: string[];
  via?: string[];
  posture?: string[];
}
/** A network and the rules that it has. */
export interface World {
  rules: RuleText[];
  nodes: PolicyNode[];
  routes: PolicyRoute[];
}
/** A packet of which it is asked whether it may pass. */
export interface Packet {
  source: string;
  destination: string;
  service: Service;
}

/** Groups and hosts that every policy here defines. */
export const GROUPS: Record<string, string[]> = { ops: ["ann@x.y", "bob@x.y"], none: [] };
export const HOSTS: Record<string, string> = {
  lan: "10.1.1.0/24",
  printer: "10.1.1.9",
  six: "fd12::/64",
  near: "100.64.0.0/29",
};

/** Parsing is most of the time that these tests take. */
function remembered<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) known.set(text, value = parse(text));
    return value;
  };
}
const addressOf = remembered(parseAddress);
const rangeOf = remembered(parsePrefix);

/** Whether an address lies in a prefix. */
export function inside(address: string, prefix: string): boolean {
  const a = addressOf(address)!;
  const range = rangeOf(prefix) as Range;
  return range.family === a.family && range.first <= a.value && a.value <= range.last;
}

/** Whose an address is: a machine, or what carries it. */
export function owner(address: string, { nodes, routes }: World): { machine?: PolicyNode; routes: PolicyRoute[] } {
  const machine = nodes.find((n) => n.ipv4 === address || n.ipv6 === address);
  if (machine) return { machine, routes: [] };
  const length = (prefix: string) => Number(prefix.split("/")[1]);
  const covering = routes.filter((r) =>
    !isBad(parsePrefix(r.prefix)) && length(r.prefix) > 0 && inside(address, r.prefix)
  );
  const longest = Math.max(...covering.map((r) => length(r.prefix)));
  return { routes: covering.filter((r) => length(r.prefix) === longest) };
}

function names(selector: string, address: string, machine: PolicyNode | undefined): boolean {
  if (selector === "*") return machine !== undefined;
  if (selector.startsWith("tag:")) return machine?.tags.includes(selector) ?? false;
  if (selector.startsWith("group:")) return GROUPS[selector.slice(6)]!.includes(machine?.user ?? "");
  if (selector.includes("@")) return machine?.user === selector;
  if (selector in HOSTS) return inside(address, HOSTS[selector]!);
  if (/[.:]/.test(selector)) return inside(address, selector);
  return machine?.name === selector;
}

function portFits(port: string, { protocol, port: number }: Service): boolean {
  const [name, range] = port.split("/");
  if (name === "icmp") return protocol === 1 || protocol === 58;
  if (protocol !== (name === "tcp" ? 6 : 17)) return false;
  const [first, last] = (range ?? "0-65535").split("-").map(Number);
  return first! <= number! && number! <= (last ?? first!);
}

/** What each posture of the test's policy asks for, spelled out. */
function inPosture(name: string, { os, version }: PolicyNode): boolean {
  if (name === "penguin") return os === "linux" || os === "android";
  return ["1.2.0", "1.10", "2"].includes(version ?? "");
}

/** Whether some rule lets a packet through that `carrier` hands on. */
export function allowed({ source, destination, service }: Packet, world: World, carrier: string): boolean {
  const [s, d] = [owner(source, world).machine, owner(destination, world).machine];
  const gateway = world.nodes.find((n) => n.id === carrier)!;
  return world.rules.some((rule) =>
    (rule.posture ?? []).every((name) => s !== undefined && inPosture(name, s)) &&
    (rule.via === undefined || (d === undefined && rule.via.some((selector) => names(selector, "", gateway)))) &&
    rule.from.some((selector) => names(selector, source, s)) &&
    rule.to.some((selector) =>
      selector === "self" ? s?.user && d && s.user === d.user : names(selector, destination, d)
    ) &&
    (rule.ports?.some((port) => portFits(port, service)) ?? true)
  );
}

/** Machines at which a packet from this address can come out of, and go into, the tunnel. */
export function ends(address: string, world: World): string[] {
  const { machine, routes } = owner(address, world);
  return machine ? [machine.id] : routes.map((r) => r.node).filter((id) => world.nodes.some((n) => n.id === id));
}

/** Both ends of all prefixes and routes, their neighbours, and all machines: every case there is has one of these in it. */
export function interesting({ rules, nodes, routes }: World): string[] {
  const named = rules.flatMap((r) => [...r.from, ...r.to]).map((selector) => HOSTS[selector] ?? selector);
  const edges = [...new Set([...named, ...routes.map((r) => r.prefix)])].flatMap((prefix) => {
    const range = parsePrefix(prefix);
    if (isBad(range) || range.last - range.first > 1n << 100n) return [];
    return [range.first - 1n, range.first, range.last, range.last + 1n].map((v) => formatAddress(range.family, v));
  });
  return [...new Set([...edges, ...nodes.flatMap((n) => n.ipv4 === null ? [n.ipv6] : [n.ipv4, n.ipv6])])];
}
