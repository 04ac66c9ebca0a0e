/** The compiler against a slow, obvious evaluator that knows nothing of ranges, sides or filters. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compile, recompile, routesFor, seenBy, sees } from "./compile.ts";
import { filterFor } from "./filter.ts";
import { parsePolicy } from "./parse.ts";
import { opens, type Service } from "./ports.ts";
import { formatAddress, isBad, parseAddress, parsePrefix, type Range, toPrefixes } from "./prefix.ts";
import type { Filter, FilterRule, PolicyNode, PolicyRoute } from "./types.ts";

interface RuleText {
  from: string[];
  to: string[];
  ports?: string[];
  via?: string[];
  posture?: string[];
}
interface World {
  rules: RuleText[];
  nodes: PolicyNode[];
  routes: PolicyRoute[];
}
interface Packet {
  source: string;
  destination: string;
  service: Service;
}

const GROUPS: Record<string, string[]> = { ops: ["ann@x.y", "bob@x.y"], none: [] };
const HOSTS: Record<string, string> = {
  lan: "10.1.1.0/24",
  printer: "10.1.1.9",
  six: "fd12::/64",
  near: "100.64.0.0/29",
};
const PREFIXES = [
  "10.1.0.0/16",
  "10.1.1.0/24",
  "10.1.1.8/30",
  "10.2.0.0/16",
  "fd12::/64",
  "fd12::8/125",
  "100.64.0.4/31",
];
const PORTS = ["tcp", "tcp/443", "tcp/8000-8002", "udp/53", "udp", "icmp"];
const SERVICES: Service[] = [
  ...[1, 53, 442, 443, 444, 7999, 8000, 8002, 8003].flatMap((port) => [{ protocol: 6, port }, { protocol: 17, port }]),
  { protocol: 1 },
  { protocol: 58 },
  { protocol: 47 },
  { protocol: 132 },
];

// --- the obvious evaluator

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

function inside(address: string, prefix: string): boolean {
  const a = addressOf(address)!;
  const range = rangeOf(prefix) as Range;
  return range.family === a.family && range.first <= a.value && a.value <= range.last;
}

function owner(address: string, { nodes, routes }: World): { machine?: PolicyNode; routes: PolicyRoute[] } {
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

function allowed({ source, destination, service }: Packet, world: World, carrier: string): boolean {
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
function ends(address: string, world: World): string[] {
  const { machine, routes } = owner(address, world);
  return machine ? [machine.id] : routes.map((r) => r.node).filter((id) => world.nodes.some((n) => n.id === id));
}

/** Both ends of all prefixes and routes, their neighbours, and all machines: every case there is has one of these in it. */
function interesting({ rules, nodes, routes }: World): string[] {
  const named = rules.flatMap((r) => [...r.from, ...r.to]).map((selector) => HOSTS[selector] ?? selector);
  const edges = [...new Set([...named, ...routes.map((r) => r.prefix)])].flatMap((prefix) => {
    const range = parsePrefix(prefix);
    if (isBad(range) || range.last - range.first > 1n << 100n) return [];
    return [range.first - 1n, range.first, range.last, range.last + 1n].map((v) => formatAddress(range.family, v));
  });
  return [...new Set([...edges, ...nodes.flatMap((n) => n.ipv4 === null ? [n.ipv6] : [n.ipv4, n.ipv6])])];
}

// --- reading what was compiled

function judge(rules: readonly FilterRule[], { source, destination, service }: Packet): boolean {
  return rules.some((rule) =>
    rule.sources.some((p) => inside(source, p)) && rule.destinations.some((p) => inside(destination, p)) &&
    opens(rule.ports, service)
  );
}

function toToml({ rules }: World): string {
  const list = (words: string[]) => JSON.stringify(words);
  const table = (entries: Record<string, string>) => Object.entries(entries).map(([k, v]) => `${k} = ${v}\n`).join("");
  return "[groups]\n" + table(Object.fromEntries(Object.entries(GROUPS).map(([k, v]) => [k, list(v)]))) +
    '[tags]\nweb = []\ndb = []\n[posture.penguin]\nos = ["linux", "android"]\n[posture.new]\nmin_version = "1.2"\n[hosts]\n' +
    table(Object.fromEntries(Object.entries(HOSTS).map(([k, v]) => [k, `"${v}"`]))) +
    rules.map((r) =>
      `[[allow]]\nfrom = ${list(r.from)}\nto = ${list(r.to)}\n${r.ports ? `ports = ${list(r.ports)}\n` : ""}${
        r.via ? `via = ${list(r.via)}\n` : ""
      }${r.posture ? `posture = ${list(r.posture)}\n` : ""}`
    ).join("");
}

// --- random worlds

const from = fc.constantFrom(
  ...["*", "tag:web", "tag:db", "group:ops", "group:none", "ann@x.y", "cat@x.y", ...Object.keys(HOSTS), ...PREFIXES],
);
const to = fc.oneof(from, fc.constantFrom("self", "n0", "n1", "nobody"));
const some = <T>(arb: fc.Arbitrary<T>) => fc.uniqueArray(arb, { minLength: 1, maxLength: 3 });
function rule(target: fc.Arbitrary<string>, more: { via?: fc.Arbitrary<string[]> } = {}): fc.Arbitrary<RuleText> {
  const posture = fc.uniqueArray(fc.constantFrom("penguin", "new"), { minLength: 1 });
  return fc.record({ from: some(from), to: some(target), ports: some(fc.constantFrom(...PORTS)), posture, ...more }, {
    requiredKeys: ["from", "to", ...(more.via ? ["via" as const] : [])],
  });
}
const world: fc.Arbitrary<World> = fc.record({
  rules: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: rule(to) },
      {
        weight: 1,
        arbitrary: rule(fc.constantFrom(...Object.keys(HOSTS), ...PREFIXES), {
          via: some(fc.constantFrom("*", "tag:web", "group:ops", "cat@x.y", "n0")),
        }),
      },
    ),
    { maxLength: 4 },
  ),
  nodes: fc.array(
    fc.record({
      tags: fc.subarray(["tag:web", "tag:db"]),
      user: fc.constantFrom(null, "ann@x.y", "bob@x.y", "cat@x.y"),
      four: fc.boolean(),
      os: fc.constantFrom("linux", "android", "windows"),
      version: fc.constantFrom("1.1.9", "1.2.0", "1.10", "2", "soon"),
    }),
    { minLength: 1, maxLength: 5 },
  ).map((list) =>
    list.map(({ tags, user, four, os, version }, i): PolicyNode => ({
      id: `id${i}`,
      name: `n${i}`,
      tags,
      user,
      ipv4: four ? `100.64.0.${i + 2}` : null,
      ipv6: `fd00::${i + 1}`,
      os,
      version,
    }))
  ),
  routes: fc.uniqueArray(
    fc.record({
      prefix: fc.constantFrom(...PREFIXES, "10.1.1.0/25", "0.0.0.0/0", "::/0", "10.1.1.1/24", "100.64.0.0/16"),
      node: fc.constantFrom("id0", "id1", "id2", "gone"),
    }),
    { selector: (r) => `${r.prefix} ${r.node}`, maxLength: 4 },
  ),
});

Deno.test("filterFor() lets through exactly what the reference evaluator allows", () => {
  fc.assert(
    fc.property(world, (w) => {
      const compiled = compile(parsePolicy(toToml(w)), w);
      const filters = new Map(w.nodes.map((n): [string, Filter] => [n.id, filterFor(compiled, n.id)]));
      const addresses = interesting(w);
      const mayMeet = new Set<string>();
      for (const source of addresses) {
        for (const destination of addresses) {
          if (source.includes(":") !== destination.includes(":")) continue; // there are no such packets
          const senders = ends(source, w), receivers = ends(destination, w);
          for (const x of senders) {
            for (const y of receivers) {
              const verdicts = SERVICES.map((service) => allowed({ source, destination, service }, w, y));
              if (x === y) continue;
              if (verdicts.includes(true)) mayMeet.add(`${x} ${y}`).add(`${y} ${x}`);
              SERVICES.forEach((service, i) => {
                const packet = { source, destination, service };
                // A carrier that shares the prefix with the sender may stand in for it, so all carriers count.
                const elsewhere = senders.every((s) => s === y);
                const inbound = judge(filters.get(y)!.inbound, packet);
                if (!elsewhere) assert.equal(inbound, verdicts[i], `in ${y}: ${JSON.stringify(packet)}`);
                const routed = owner(source, w).machine === undefined;
                if (routed) {
                  const outbound = judge(filters.get(x)!.outbound, packet);
                  // Of several carriers the filter on the way in can't know which one is taken, so any of them may do.
                  const some = receivers.some((z) => z !== x && allowed(packet, w, z));
                  assert.equal(outbound, some, `out ${x}: ${JSON.stringify(packet)}`);
                }
              });
            }
          }
          // What belongs to nobody, or to another machine, never passes.
          for (const n of w.nodes) {
            const mine = receivers.includes(n.id) && senders.some((s) => s !== n.id);
            const rules = filters.get(n.id)!.inbound;
            if (!mine) assert(!SERVICES.some((service) => judge(rules, { source, destination, service })));
          }
        }
      }
      for (const a of w.nodes) {
        for (const b of w.nodes) {
          assert.equal(sees(compiled, a.id, b.id), mayMeet.has(`${a.id} ${b.id}`), `${a.id} sees ${b.id}`);
        }
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("filterFor() names as peers all whom its rules let in, unless it carries their prefix itself", () => {
  fc.assert(
    fc.property(world, (w) => {
      const compiled = compile(parsePolicy(toToml(w)), w);
      for (const { id } of w.nodes) {
        const filter = filterFor(compiled, id);
        const used = routesFor(compiled, id);
        assert(used.every((route) => sees(compiled, id, route.node)), "a used route's carrier is seen");
        for (const source of interesting(w)) {
          const { machine, routes } = owner(source, w);
          const known = filter.peers.some((p) => inside(source, p));
          const expected = machine
            ? seenBy(compiled, id).includes(machine.id)
            : routes.some((r) => used.some((route) => route.node === r.node && route.prefix === r.prefix));
          assert.equal(known, expected, `${id} ${source}`);
          const lets = filter.inbound.some((rule) => rule.sources.some((p) => inside(source, p)));
          if (lets && !routes.some((r) => r.node === id)) assert(known, `${id} lets ${source} in but does not know it`);
        }
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("compile() gives the same whatever the order of rules, machines and routes", () => {
  const scrambled = world.chain((w) =>
    fc.record({
      w: fc.constant(w),
      rules: fc.shuffledSubarray(w.rules, { minLength: w.rules.length }),
      nodes: fc.shuffledSubarray(w.nodes, { minLength: w.nodes.length }),
      routes: fc.shuffledSubarray(w.routes, { minLength: w.routes.length }),
    })
  );
  const told = (w: World) => {
    const compiled = compile(parsePolicy(toToml(w)), w);
    return w.nodes.map(({ id }) => {
      const filter = filterFor(compiled, id);
      const plain = (rules: readonly FilterRule[]) =>
        rules.map(({ rule: _, line: __, ...rest }) => JSON.stringify(rest)).sort();
      const row = [id, filter.peers, plain(filter.inbound), plain(filter.outbound), seenBy(compiled, id).sort()];
      return JSON.stringify(row);
    }).sort();
  };
  fc.assert(fc.property(scrambled, ({ w, ...rest }) => assert.deepEqual(told(rest), told(w))), { numRuns: 100 });
});

Deno.test("filterFor() needs only the machines that are seen", () => {
  fc.assert(
    fc.property(world, (w) => {
      // A route over the machines' own addresses is carved by those that are known, so it is left out here.
      const routes = w.routes.filter((r) => !r.prefix.startsWith("100."));
      const policy = parsePolicy(toToml(w));
      const whole = compile(policy, { nodes: w.nodes, routes });
      for (const { id } of w.nodes) {
        const seen = seenBy(whole, id);
        const part = compile(policy, { nodes: w.nodes.filter((n) => n.id === id || seen.includes(n.id)), routes });
        assert.deepEqual(filterFor(part, id), filterFor(whole, id));
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("recompile() gives what compile() gives, whoever came, changed or went", () => {
  const change = fc.record({ at: fc.nat(5), what: fc.constantFrom("tags", "user", "address", "gone", "new") });
  fc.assert(
    fc.property(world, fc.array(change, { maxLength: 4 }), (w, changes) => {
      const policy = parsePolicy(toToml(w));
      const nodes = new Map(w.nodes.map((n) => [n.id, n]));
      let compiled = compile(policy, w);
      for (const { at, what } of changes) {
        const id = what === "new" ? "fresh" : `id${at}`;
        const old = nodes.get(id) ?? { ...w.nodes[0]!, id, name: "fresh", ipv4: "100.64.0.7", ipv6: "fd00::77" };
        const next: PolicyNode | null = what === "gone"
          ? null
          : what === "tags"
          ? { ...old, tags: ["tag:db"] }
          : what === "user"
          ? { ...old, user: "bob@x.y" }
          : what === "address"
          ? { ...old, ipv4: old.ipv4 === null ? "100.64.0.6" : null }
          : old;
        if (next) nodes.set(id, next);
        else nodes.delete(id);
        compiled = recompile(compiled, new Map([[id, next]]));
      }
      const whole = compile(policy, { nodes: [...nodes.values()], routes: w.routes });
      assert.deepEqual([...compiled.machines.keys()].sort(), [...whole.machines.keys()].sort());
      for (const id of nodes.keys()) assert.deepEqual(filterFor(compiled, id), filterFor(whole, id));
    }),
    { numRuns: 150 },
  );
});

Deno.test("toPrefixes() gives exactly the addresses of its ranges, with as few prefixes as can be", () => {
  const ranges = fc.array(
    fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]): Range => ({
      family: 4,
      first: BigInt(Math.min(a, b)),
      last: BigInt(Math.max(a, b)),
    })),
  );
  fc.assert(fc.property(ranges, (list) => {
    const prefixes = toPrefixes(list).map((p) => parsePrefix(p) as Range);
    for (let i = 0n; i < 256n; i++) {
      const within = (r: Range) => r.first <= i && i <= r.last;
      assert.equal(prefixes.filter(within).length, list.some(within) ? 1 : 0);
    }
    for (const a of prefixes) {
      const size = a.last - a.first + 1n;
      const buddy = a.first ^ size;
      assert(!prefixes.some((b) => b.first === buddy && b.last - b.first + 1n === size), "two halves of one prefix");
    }
  }));
});
