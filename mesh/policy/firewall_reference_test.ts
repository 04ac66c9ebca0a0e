/** Firewall rules against a slow, obvious evaluator that knows nothing of ranges or filters. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compile } from "./compile.ts";
import { filterFor } from "./filter.ts";
import { parsePolicy } from "./parse.ts";
import { opens, type Service } from "./ports.ts";
import { intersect, parsePrefix, type Range } from "./prefix.ts";
import type { FirewallLine, PolicyNode } from "./types.ts";

interface RuleText {
  on: string[];
  direction?: "in" | "out";
  from?: string[];
  to?: string[];
  ports?: string[];
  action: string;
}
interface Packet {
  source: string;
  destination: string;
  service: Service;
}

const HOSTS: Record<string, string> = { lan: "10.1.1.0/24", near: "100.64.0.2/31" };
const SERVICES: Service[] = [
  { protocol: 6, port: 22 },
  { protocol: 6, port: 443 },
  { protocol: 17, port: 53 },
  { protocol: 1 },
  { protocol: 58 },
  { protocol: 47 },
  { protocol: 132 },
];
const PORTS: Record<string, (s: Service) => boolean> = {
  "tcp": ({ protocol }) => protocol === 6,
  "tcp/22": ({ protocol, port }) => protocol === 6 && port === 22,
  "udp/50-60": ({ protocol, port }) => protocol === 17 && port! >= 50 && port! <= 60,
  "icmp": ({ protocol }) => protocol === 1 || protocol === 58,
};

// --- the obvious evaluator

function inside(address: string, prefix: string): boolean {
  return intersect(parsePrefix(address) as Range, parsePrefix(prefix) as Range) !== null;
}

function names(selector: string, address: string, machine: PolicyNode | undefined): boolean {
  const prefix = HOSTS[selector] ?? selector;
  if (/\//.test(prefix)) return inside(address, prefix);
  if (machine === undefined) return false;
  if (selector === "*") return true;
  if (selector.startsWith("tag:")) return machine.tags.includes(selector);
  return selector.includes("@") ? machine.user === selector : machine.name === selector;
}

/** What is done with a packet at `machine`: the rules by their number, in the order in which each is asked. */
function verdict(
  { source, destination, service }: Packet,
  { rules, nodes, machine, direction }: {
    rules: RuleText[];
    nodes: PolicyNode[];
    machine: PolicyNode;
    direction: string;
  },
): string[] {
  const owner = (address: string) => nodes.find((n) => n.ipv4 === address || n.ipv6 === address);
  const meets = (rule: RuleText) =>
    [machine.ipv4!, machine.ipv6].some((own) => rule.on.some((s) => names(s, own, machine))) &&
    (rule.direction === undefined || rule.direction === direction) &&
    (rule.from === undefined || rule.from.some((s) => names(s, source, owner(source)))) &&
    (rule.to === undefined || rule.to.some((s) => names(s, destination, owner(destination)))) &&
    (rule.ports === undefined || rule.ports.some((p) => PORTS[p]!(service)));
  return ["log", "drop", "limit 3/second burst 7"].flatMap((action) =>
    rules.flatMap((rule, i) => rule.action === action && meets(rule) ? [`${action.split(" ")[0]} ${i}`] : [])
  );
}

function judge(lines: readonly FirewallLine[], packet: Packet, direction: string): string[] {
  const within = (list: readonly string[] | null, address: string) =>
    list === null || list.some((prefix) => inside(address, prefix));
  return lines.filter((line) =>
    line.direction === direction && within(line.sources, packet.source) &&
    within(line.destinations, packet.destination) && opens(line.ports, packet.service)
  ).map(({ action, rule }) => `${action.kind} ${rule}`);
}

// --- random worlds

const named = fc.constantFrom(
  "*",
  "tag:web",
  "tag:db",
  "ann@x.y",
  "bob@x.y",
  "lan",
  "near",
  "10.1.0.0/16",
  "fd00::2/127",
);
const some = <T>(arb: fc.Arbitrary<T>) => fc.uniqueArray(arb, { minLength: 1, maxLength: 2 });
const rule: fc.Arbitrary<RuleText> = fc.record({
  on: some(fc.oneof(named, fc.constantFrom("n0", "n1"))),
  direction: fc.constantFrom("in" as const, "out" as const),
  from: some(named),
  to: some(fc.oneof(named, fc.constantFrom("n0", "n1"))),
  ports: some(fc.constantFrom(...Object.keys(PORTS))),
  action: fc.constantFrom("log", "drop", "limit 3/second burst 7"),
}, { requiredKeys: ["on", "action"] });
const nodes = fc.array(
  fc.record({
    tags: fc.subarray(["tag:web", "tag:db"]),
    user: fc.constantFrom(null, "ann@x.y", "bob@x.y"),
  }),
  { minLength: 2, maxLength: 4 },
).map((list) =>
  list.map(({ tags, user }, i): PolicyNode => ({
    id: `id${i}`,
    name: `n${i}`,
    tags,
    user,
    ipv4: `100.64.0.${i + 1}`,
    ipv6: `fd00::${i + 1}`,
  }))
);
const world = fc.record({ rules: fc.array(rule, { maxLength: 5 }), nodes, open: fc.boolean() });

const ROUTES = [{ prefix: "10.1.1.0/24", node: "id0" }];

function toToml(rules: RuleText[], allow: string): string {
  const hosts = Object.entries(HOSTS).map(([name, prefix]) => `${name} = "${prefix}"\n`).join("");
  return `[tags]\nweb = []\ndb = []\n[hosts]\n${hosts}[[allow]]\nfrom = ${allow}\nto = ${allow}\n` +
    rules.map((one) =>
      `[[firewall]]\n${Object.entries(one).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join("")}`
    ).join("");
}

Deno.test("firewallOf() matches what the reference evaluator does, in its order, and no more", () => {
  fc.assert(
    fc.property(world, ({ rules, nodes, open }) => {
      const allow = open ? '["*", "lan"]' : '["tag:web"]';
      const policy = parsePolicy(toToml(rules, allow));
      const compiled = compile(policy, { nodes, routes: ROUTES });
      const addresses = [...nodes.flatMap((n) => [n.ipv4!, n.ipv6]), "10.1.1.9", "10.9.9.9", "fd12::9"];
      for (const machine of nodes) {
        const { firewall, peers } = filterFor(compiled, machine.id);
        // Of machines that this one does not see nothing passes, so nothing is asked of them either.
        const known = (address: string) =>
          !nodes.some((n) => n.ipv4 === address || n.ipv6 === address) || address === machine.ipv4 ||
          address === machine.ipv6 || peers.some((prefix) => inside(address, prefix));
        for (const source of addresses.filter(known)) {
          for (const destination of addresses.filter(known)) {
            if (source.includes(":") !== destination.includes(":")) continue;
            for (const service of SERVICES) {
              for (const direction of ["in", "out"]) {
                const packet = { source, destination, service };
                const wanted = verdict(packet, { rules, nodes, machine, direction });
                assert.deepEqual(
                  judge(firewall, packet, direction),
                  wanted,
                  JSON.stringify({ packet, direction, id: machine.id }),
                );
              }
            }
          }
        }
      }
    }),
    { numRuns: 120 },
  );
});

Deno.test("filterFor() lets through, sees and accepts the same with firewall rules and without", () => {
  fc.assert(
    fc.property(world, ({ rules, nodes, open }) => {
      const allow = open ? '["*", "lan"]' : '["tag:web"]';
      const filters = (list: RuleText[]) => {
        const compiled = compile(parsePolicy(toToml(list, allow)), { nodes, routes: ROUTES });
        return nodes.map(({ id }) => {
          const { firewall: _, ...rest } = filterFor(compiled, id);
          return rest;
        });
      };
      assert.deepEqual(filters(rules), filters([]));
    }),
    { numRuns: 60 },
  );
});
