import assert from "node:assert/strict";
import { agreed, hardnessOf, isHard, type Mapping, mappingByPeer, natKind, withPeer } from "./kind.ts";

const BASE = { address: "10.9.1.2", port: 51820 };
const seen = (rows: [server: string, port: number, mapped: string, mappedPort: number][]) =>
  rows.map(([address, port, mapped, mappedPort]) => ({
    server: { address, port },
    mapped: { address: mapped, port: mappedPort },
  }));

const CASES: [string, ReturnType<typeof seen>, Mapping, boolean][] = [
  ["no answer", [], "unknown", false],
  ["one answer", seen([["192.0.2.1", 1, "203.0.113.2", 51820]]), "unknown", false],
  ["its own address", seen([["192.0.2.1", 1, "10.9.1.2", 51820]]), "none", true],
  [
    "one port at two addresses",
    seen([["192.0.2.1", 1, "203.0.113.2", 51820], ["192.0.2.2", 1, "203.0.113.2", 51820]]),
    "endpoint-independent",
    true,
  ],
  [
    "one port at two ports of an address",
    seen([["192.0.2.1", 1, "203.0.113.2", 51820], ["192.0.2.1", 2, "203.0.113.2", 51820]]),
    "endpoint-independent",
    false,
  ],
  [
    "a port for each port",
    seen([["192.0.2.1", 1, "203.0.113.2", 4000], ["192.0.2.1", 2, "203.0.113.2", 4001]]),
    "address-and-port-dependent",
    true,
  ],
  [
    "a port for each address",
    seen([
      ["192.0.2.1", 1, "203.0.113.2", 4000],
      ["192.0.2.1", 2, "203.0.113.2", 4000],
      ["192.0.2.2", 1, "203.0.113.2", 4001],
    ]),
    "address-dependent",
    true,
  ],
];

for (const [name, observations, mapping, certain] of CASES) {
  Deno.test(`natKind() calls ${name} ${mapping}`, () => {
    const kind = natKind({ base: BASE, observations, otherPort: null });
    assert.deepEqual([kind.mapping, kind.certain, kind.filtering], [mapping, certain, "unknown"]);
  });
}

Deno.test("natKind() tells filtering by the other port's answer, and port preservation by the first", () => {
  const observations = seen([["192.0.2.1", 1, "203.0.113.2", 51820], ["192.0.2.2", 1, "203.0.113.2", 51820]]);
  assert.equal(natKind({ base: BASE, observations, otherPort: false }).filtering, "address-and-port-dependent");
  const open = natKind({ base: BASE, observations, otherPort: true });
  assert.equal(open.filtering, "endpoint-independent or address-dependent");
  assert.equal(open.portPreserving, true);
  assert.equal(natKind({ base: { ...BASE, port: 9 }, observations, otherPort: true }).portPreserving, false);
});

Deno.test("isHard() is true where a STUN server's word says nothing about the next destination", () => {
  const all: Mapping[] = [
    "none",
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
    "unknown",
  ];
  assert.deepEqual(all.filter(isHard), ["address-dependent", "address-and-port-dependent"]);
});

const AT = "203.0.113.2";
const peerSaw = (port: number, o: { mapped?: string; peer?: string } = {}) => ({
  base: BASE,
  observations: seen([["192.0.2.1", 1, AT, 51820]]),
  peer: seen([[o.peer ?? "198.51.100.9", 7, o.mapped ?? AT, port]])[0]!,
});

Deno.test("mappingByPeer() is what a second address has seen, and nothing where the peer stands elsewhere", () => {
  assert.equal(mappingByPeer(peerSaw(51820)), "endpoint-independent");
  assert.equal(mappingByPeer(peerSaw(4000)), "address-dependent");
  assert.equal(mappingByPeer(peerSaw(51820, { mapped: BASE.address })), null); // in the same network
  assert.equal(mappingByPeer(peerSaw(4000, { mapped: "100.64.0.2" })), null); // behind the same carrier's NAT
  assert.equal(mappingByPeer(peerSaw(4000, { peer: "192.0.2.1" })), null); // at the gate
  assert.equal(mappingByPeer({ ...peerSaw(4000), observations: [] }), null);
});

Deno.test("agreed() believes two peers that say the same, no single one, and none where as many say otherwise", () => {
  const [hard, easy] = ["address-dependent", "endpoint-independent"] as const;
  const cases: [Mapping[], Mapping | null][] = [
    [[], null],
    [[hard], null],
    [[easy], null],
    [[hard, hard], hard],
    [[easy, easy], easy],
    [[hard, easy], null],
    [[hard, easy, easy], easy],
    [[easy, hard, "address-and-port-dependent"], hard],
    [[easy, easy, hard, hard], null],
  ];
  for (const [sights, together] of cases) assert.equal(agreed(sights), together, sights.join());
});

Deno.test("hardnessOf() is unsure where one address alone has seen the mapping, until a peer has", () => {
  const one = natKind({
    base: BASE,
    observations: seen([["192.0.2.1", 1, AT, 51820], ["192.0.2.1", 2, AT, 51820]]),
    otherPort: false,
  });
  assert.equal(hardnessOf(one), "unsure");
  assert.equal(hardnessOf(withPeer(one, "address-dependent")), "hard");
  assert.equal(hardnessOf(withPeer(one, "endpoint-independent")), "easy");
  assert.equal(hardnessOf(withPeer({ ...one, certain: true }, "address-dependent")), "easy");
  assert.equal(hardnessOf(natKind({ base: BASE, observations: [], otherPort: null })), "easy");
  assert.equal(hardnessOf(null), "unknown");
});
