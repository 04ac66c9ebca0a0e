/**
 * What a policy says once it is read, and what it becomes for a network: the vocabulary of this folder.
 *
 * Three ideas carry everything: a rule only allows, so rules are a union and their order cannot matter; a rule is a set of
 * source addresses, a set of destination addresses and a set of ports; and every part remembers the line it came from.
 */
import type { AdmitRule } from "../wire/admit.ts";
import type { Range } from "./prefix.ts";

/** Where something stands in the source; both count from 1. */
export interface Place {
  line: number;
  column: number;
}

/** One fault or warning: what is wrong, where, and the mend. */
export interface Fault extends Place {
  message: string;
  mend?: string;
}

/** What a rule can name. `text` is what was written. */
export type Selector =
  /** Every machine of this network; never addresses beyond it. */
  | { kind: "all"; text: string }
  /** The source's own machines: the same user on both ends. Only in `to`. */
  | { kind: "self"; text: string }
  /**
   * The machines of a user, or of a group's users (groups are expanded when the policy is read). A group of the identity
   * provider stands among them as `idp:NAME`, which no user can be called.
   */
  | { kind: "users"; text: string; users: readonly string[] }
  | { kind: "tag"; text: string; tag: string }
  /** Addresses: a host of `[hosts]`, a prefix or one address. Matches overlay addresses and routed ones. */
  | { kind: "addresses"; text: string; range: Range }
  /** What lies beyond the network, through an exit node. Only in `to`. */
  | { kind: "internet"; text: string }
  /** A machine by its name, which is its own claim; therefore only in `to`. */
  | { kind: "machine"; text: string; name: string };

/** Inclusive range of port numbers. */
export type PortRange = readonly [first: number, last: number];

/** Protocols and ports that a rule opens; `null` in its place means all protocols. Ranges are sorted and disjoint. */
export interface Ports {
  tcp: readonly PortRange[];
  udp: readonly PortRange[];
  /** ICMP and ICMPv6. */
  icmp: boolean;
}

/** One `[[allow]]`. */
export interface Rule extends Place {
  /** Position among the rules, from 0. */
  index: number;
  from: readonly Selector[];
  to: readonly Selector[];
  ports: Ports | null;
  /** Machines that have to carry what the rule reaches; null: whichever carries it. */
  via: readonly Selector[] | null;
  /** Names of the postures that the machine which opens a flow has to be in, all of them. */
  posture: readonly string[];
}

/**
 * What a `[[firewall]]` rule does with what it matches. Each of them only takes away or tells: what no `[[allow]]` lets through
 * stays out.
 */
export type FirewallAction =
  | { kind: "log" }
  | { kind: "drop" }
  /** New flows of one sender's address beyond this rate are dropped. */
  | { kind: "limit"; rate: number; per: "second" | "minute" | "hour"; burst: number };

/** One `[[firewall]]`. */
export interface FirewallRule extends Place {
  /** Position among the firewall rules, from 0. */
  index: number;
  /** Machines at which it holds. */
  on: readonly Selector[];
  /** `in`: flows that come out of the tunnel; `out`: flows that go into it; null: both. */
  direction: "in" | "out" | null;
  /** Who opens the flow; null: whoever. */
  from: readonly Selector[] | null;
  /** Whom it is for; null: whomever. */
  to: readonly Selector[] | null;
  ports: Ports | null;
  action: FirewallAction;
}

/** One `[posture.NAME]`: what a machine has to say of itself. Nobody else attests it. */
export interface Posture {
  name: string;
  /** One of these; empty: any. */
  os: readonly string[];
  /** GhostMesh's own version, at least; null: any. */
  minVersion: readonly number[] | null;
}

/** One `accept` or `deny` line of a `[[test]]`. */
export interface TestCase extends Place {
  text: string;
  expect: "accept" | "deny";
  from: Selector;
  to: Selector;
  ports: Ports | null;
}

/** A policy that was read without a fault. */
export interface Policy {
  file: string;
  /** For how many seconds what is connected stays connected while the coordinator is away. */
  grace: number;
  /** Group name -> its users, subgroups expanded. */
  groups: ReadonlyMap<string, readonly string[]>;
  /** `tag:web` -> users who may give it. Grants are signed by admins, so nothing depends on it yet. */
  tags: ReadonlyMap<string, readonly string[]>;
  hosts: ReadonlyMap<string, Range>;
  hostPlaces: ReadonlyMap<string, Place>;
  postures: ReadonlyMap<string, Posture>;
  rules: readonly Rule[];
  firewall: readonly FirewallRule[];
  routes: readonly RouteApproval[];
  dns: DnsPolicy;
  /** The ways in, in their order; tokens when the policy says nothing of them. */
  admit: readonly AdmitRule[];
  tests: readonly TestCase[];
  /** What is allowed but looks like a slip. */
  warnings: readonly Fault[];
}

/** One line of `[routes]`: who may carry a prefix and all within it, or be an exit node, without an admin's signature. */
export interface RouteApproval extends Place {
  text: string;
  range: Range | "exit";
  by: readonly Selector[];
}

/** `[dns]`. */
export interface DnsPolicy {
  /** Servers for all names that nothing else is said of; none: those that each machine asked before. */
  upstreams: readonly string[];
  search: readonly string[];
  /** Domain -> servers. */
  split: ReadonlyMap<string, readonly string[]>;
  /** A label under the network's suffix, or a whole name -> addresses. */
  names: ReadonlyMap<string, readonly string[]>;
}

/** What the compiler needs to know of a machine; a verified node maps onto it. */
export interface PolicyNode {
  id: string;
  name: string;
  /** As `tag:web`. */
  tags: readonly string[];
  user: string | null;
  /** Who the user is for the identity provider, `SUB@https://ISSUER`; an e-mail may be given to somebody else, this may not. */
  subject?: string | null;
  /** Groups at the identity provider, as it names them. */
  groups?: readonly string[];
  ipv4: string | null;
  ipv6: string;
  /** What the machine says of itself: its operating system and the version of GhostMesh. */
  os?: string;
  version?: string;
  /** Prefixes that its record offers to carry. */
  announces?: readonly string[];
}

/** A prefix in force and the machine that carries it. */
export interface PolicyRoute {
  prefix: string;
  node: string;
}

/** One line of a filter: these sources may open flows to these destinations. All sets are prefixes in canonical form, IPv4 and IPv6 together. */
export interface FilterRule {
  /** Index of the policy's rule, and the line where it stands. */
  rule: number;
  line: number;
  sources: readonly string[];
  destinations: readonly string[];
  ports: Ports | null;
}

/** One line of a firewall at one machine: what it matches in one direction, and what is done with that. */
export interface FirewallLine {
  /** Index of the policy's firewall rule, and the line where it stands. */
  rule: number;
  line: number;
  direction: "in" | "out";
  /** Prefixes as in a filter's lines; null: any address. */
  sources: readonly string[] | null;
  destinations: readonly string[] | null;
  ports: Ports | null;
  action: FirewallAction;
}

/** A machine's packet filter. What no rule names is dropped. */
export interface Filter {
  /** Source addresses that may come out of the tunnel at all: machines that this one sees and the prefixes that it uses. */
  peers: readonly string[];
  /** Flows from the tunnel to this machine's overlay addresses and to the prefixes that it carries. */
  inbound: readonly FilterRule[];
  /** Flows from the prefixes that this machine carries into the tunnel. */
  outbound: readonly FilterRule[];
  /** Flows through this machine into the internet, if it is an exit node; never to the machine itself. */
  exit: readonly FilterRule[];
  /** What is logged, dropped or limited before the rules above are asked, in the order in which it is done. */
  firewall: readonly FirewallLine[];
}

/** The filter of a machine that nothing reaches. */
export const CLOSED: Filter = { peers: [], inbound: [], outbound: [], exit: [], firewall: [] };
