/** Random networks and policies, small enough that everything meets everything. */
import fc from "fast-check";
import type { PolicyNode } from "../types.ts";
import { GROUPS, HOSTS, type RuleText, type World } from "./evaluator.ts";

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

/** A world's rules as a policy. */
export function toToml({ rules }: World): string {
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
/** Any world. */
export const world: fc.Arbitrary<World> = fc.record({
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
