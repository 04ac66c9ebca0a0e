/**
 * A policy made ready for asking about machines one by one. Each name that rules can use maps to the set of rules (a bit each)
 * on whose end it stands, and each address to the rules whose prefixes hold it, so that a machine's place on all rules is
 * the union of a few sets. It depends on the machine alone: when one machine changes, no other is looked at.
 */
import { intersectAll, merge, parseAddress, type Range } from "./prefix.ts";
import type { Policy, PolicyNode, Rule, Selector } from "./types.ts";

/** A set of rules: bit `i % 32` of word `i / 32` is rule `i`. */
export type Bits = Uint32Array;

/** Rules by family: IPv4 first. */
export type ByFamily = readonly [Bits, Bits];

/** On which ends of which rules a machine stands. */
export interface Ends {
  /** Its own addresses as sources, and those together with what it carries. */
  fromOwn: ByFamily;
  from: ByFamily;
  /** The same as destinations. */
  toOwn: ByFamily;
  to: ByFamily;
  /** Rules that it may carry for: those without `via`, and those whose `via` names it. */
  carries: Bits;
}

/** The policy's side of every answer. */
export interface Prepared {
  policy: Policy;
  /** Rules whose `to` holds `self`, and those with `internet`. */
  self: Bits;
  internet: Bits;
  /** Addresses that each rule names, by its index. */
  fromRanges: readonly (readonly Range[])[];
  toRanges: readonly (readonly Range[])[];
  /** Where a machine with these addresses stands that carries `carried`. */
  endsOf(node: PolicyNode, own: readonly Range[], carried: readonly Range[]): Ends;
}

/** The addresses of a machine. */
export function addressesOf({ ipv4, ipv6 }: Pick<PolicyNode, "ipv4" | "ipv6">): Range[] {
  return [ipv4, ipv6].flatMap((text) => {
    const parsed = text === null ? null : parseAddress(text);
    return parsed ? [{ family: parsed.family, first: parsed.value, last: parsed.value }] : [];
  });
}

/** Index of a family in `ByFamily`. */
export function familyIndex({ family }: Range): 0 | 1 {
  return family === 4 ? 0 : 1;
}

/** True when the set holds rule `i`. */
export function has(bits: Bits, i: number): boolean {
  return (bits[i >>> 5]! >>> (i & 31) & 1) === 1;
}

/** True when two sets of rules have one in common. */
export function meet(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & b[i]!) !== 0) return true;
  return false;
}

/** Adds rule `i`. */
export function add(bits: Bits, i: number): void {
  bits[i >>> 5]! |= 1 << (i & 31);
}

/** Prepares a policy; linear in its size. */
export function prepare(policy: Policy): Prepared {
  const { rules } = policy;
  const empty = (): Bits => new Uint32Array(Math.ceil(rules.length / 32));
  const setOf = (fits: (rule: Rule) => boolean): Bits => {
    const bits = empty();
    rules.forEach((rule, i) => fits(rule) && add(bits, i));
    return bits;
  };
  const from = named(rules, ({ from }) => from, empty), to = named(rules, ({ to }) => to, empty);
  const via = named(rules, ({ via }) => via ?? [], empty);
  const fromRanges = rules.map((rule) => rangesOf(rule.from)), toRanges = rules.map((rule) => rangesOf(rule.to));
  const fromSpans = new Spans(fromRanges, empty), toSpans = new Spans(toRanges, empty);
  const free = setOf((rule) => rule.via === null);
  const demands = [...policy.postures.values()].map((posture) => ({
    posture,
    rules: setOf((rule) => rule.posture.includes(posture.name)),
  }));
  const unattested = setOf((rule) => rule.posture.length === 0);

  const endsOf = (node: PolicyNode, own: readonly Range[], carried: readonly Range[]): Ends => {
    const keys = keysOf(node);
    const met = empty().fill(0xffffffff);
    for (const { posture, rules } of demands) if (!meets(node, posture)) remove(met, rules);
    const carries = free.slice();
    for (const key of keys) join(carries, via.get(key));
    const ends = { fromOwn: pair(empty), from: pair(empty), toOwn: pair(empty), to: pair(empty), carries };
    for (const range of own) {
      const f = familyIndex(range);
      for (const key of keys) {
        join(ends.fromOwn[f], from.get(key));
        join(ends.toOwn[f], to.get(key));
      }
      join(ends.fromOwn[f], fromSpans.at(range));
      join(ends.toOwn[f], toSpans.at(range));
    }
    for (const f of [0, 1] as const) {
      keep(ends.fromOwn[f], met);
      keep(ends.toOwn[f], free); // a rule with `via` reaches what is carried, never a machine itself
      join(ends.from[f], ends.fromOwn[f]);
      join(ends.to[f], ends.toOwn[f]);
    }
    if (carried.length > 0) {
      rules.forEach((_, i) => {
        // Nobody can attest for what is behind a machine.
        if (has(unattested, i)) {
          for (const r of intersectAll(carried, fromRanges[i]!)) add(ends.from[familyIndex(r)], i);
        }
        if (has(carries, i)) { for (const r of intersectAll(carried, toRanges[i]!)) add(ends.to[familyIndex(r)], i); }
      });
    }
    return ends;
  };
  const self = setOf(({ to }) => to.some(({ kind }) => kind === "self"));
  const internet = setOf(({ to }) => to.some(({ kind }) => kind === "internet"));
  return { policy, self, internet, fromRanges, toRanges, endsOf };
}

/** True when a machine says of itself what a posture asks for. Nobody but the machine attests it. */
export function meets(
  { os, version }: Pick<PolicyNode, "os" | "version">,
  posture: { os: readonly string[]; minVersion: readonly number[] | null },
): boolean {
  if (posture.os.length > 0 && !(os !== undefined && posture.os.includes(os))) return false;
  if (posture.minVersion === null) return true;
  const [, digits] = /^v?(\d{1,9}(?:\.\d{1,9}){0,3})$/.exec(version ?? "") ?? [];
  if (digits === undefined) return false;
  const parts = digits.split(".").map(Number);
  for (const [i, wanted] of posture.minVersion.entries()) {
    const found = parts[i] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
}

function pair(empty: () => Bits): [Bits, Bits] {
  return [empty(), empty()];
}

function join(into: Bits, bits: Bits | undefined): void {
  if (bits) { for (let i = 0; i < into.length; i++) into[i]! |= bits[i]!; }
}

function keep(into: Bits, bits: Bits): void {
  for (let i = 0; i < into.length; i++) into[i]! &= bits[i]!;
}

function remove(from: Bits, bits: Bits): void {
  for (let i = 0; i < from.length; i++) from[i]! &= ~bits[i]!;
}

/** Under what a machine is found: one key for each selector that can name it. */
export function keysOf({ name, tags, user, subject, groups }: PolicyNode): string[] {
  // A user cannot pass for a group of the identity provider.
  const users = [user, subject ?? null].filter((text) => text !== null && !text.startsWith("idp:"));
  const all = [...users, ...(groups ?? []).map((group) => `idp:${group}`)];
  return [...new Set(["*", `machine ${name}`, ...tags, ...all.map((who) => `user ${who}`)])];
}

/** The keys of a selector; a machine that has one of them is named by it. None for addresses and `self`. */
function keysOfSelector(selector: Selector): string[] {
  switch (selector.kind) {
    case "all":
      return ["*"];
    case "users":
      return selector.users.map((user) => `user ${user}`);
    case "tag":
      return [selector.tag];
    case "machine":
      return [`machine ${selector.name}`];
    default:
      return [];
  }
}

/** True when a selector names a machine, by anything but its address. */
export function names(selector: Selector, node: PolicyNode): boolean {
  const keys = keysOf(node);
  return keysOfSelector(selector).some((key) => keys.includes(key));
}

function named(
  rules: readonly Rule[],
  side: (rule: Rule) => readonly Selector[],
  empty: () => Bits,
): Map<string, Bits> {
  const map = new Map<string, Bits>();
  rules.forEach((rule, i) => {
    for (const key of side(rule).flatMap(keysOfSelector)) {
      let bits = map.get(key);
      if (!bits) map.set(key, bits = empty());
      add(bits, i);
    }
  });
  return map;
}

function rangesOf(selectors: readonly Selector[]): Range[] {
  return merge(selectors.flatMap((selector) => selector.kind === "addresses" ? [selector.range] : []));
}

/** Rules by address: the spans between the edges of all prefixes, each with the rules that hold it. */
class Spans {
  readonly #spans = {
    4: { starts: [] as bigint[], bits: [] as Bits[] },
    6: { starts: [] as bigint[], bits: [] as Bits[] },
  };

  constructor(ranges: readonly (readonly Range[])[], empty: () => Bits) {
    for (const family of [4, 6] as const) {
      const events = new Map<bigint, number[]>();
      const at = (edge: bigint, rule: number) => events.set(edge, [...(events.get(edge) ?? []), rule]);
      ranges.forEach((list, rule) => {
        for (const { first, last } of list.filter((r) => r.family === family)) {
          at(first, rule);
          at(last + 1n, rule);
        }
      });
      let now = empty();
      const { starts, bits } = this.#spans[family];
      for (const [edge, rules] of [...events].sort(([a], [b]) => a < b ? -1 : 1)) {
        now = now.slice();
        for (const rule of rules) now[rule >>> 5]! ^= 1 << (rule & 31); // a rule's ranges are disjoint: each edge turns it
        starts.push(edge);
        bits.push(now);
      }
    }
  }

  at({ family, first }: Range): Bits | undefined {
    const { starts, bits } = this.#spans[family];
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= first) low = middle + 1;
      else high = middle;
    }
    return bits[low - 1];
  }
}
