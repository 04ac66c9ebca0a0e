/** The compiler against the evaluator of testdata/evaluator.ts. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compile, recompile, routesFor, seenBy, sees } from "./compile.ts";
import { filterFor } from "./filter.ts";
import { parsePolicy } from "./parse.ts";
import { opens, type Service } from "./ports.ts";
import { parsePrefix, type Range, toPrefixes } from "./prefix.ts";
import { allowed, ends, inside, interesting, owner, type Packet, type World } from "./testdata/evaluator.ts";
import { toToml, world } from "./testdata/worlds.ts";
import type { Filter, FilterRule, PolicyNode } from "./types.ts";

const SERVICES: Service[] = [
  ...[1, 53, 442, 443, 444, 7999, 8000, 8002, 8003].flatMap((port) => [{ protocol: 6, port }, { protocol: 17, port }]),
  { protocol: 1 },
  { protocol: 58 },
  { protocol: 47 },
  { protocol: 132 },
];

function judge(rules: readonly FilterRule[], { source, destination, service }: Packet): boolean {
  return rules.some((rule) =>
    rule.sources.some((p) => inside(source, p)) && rule.destinations.some((p) => inside(destination, p)) &&
    opens(rule.ports, service)
  );
}

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
