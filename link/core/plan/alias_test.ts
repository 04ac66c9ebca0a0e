import assert from "node:assert/strict";
import { behindAliases } from "./alias.ts";

const line = (sources: string[], destinations: string[]) => ({ rule: 0, line: 1, sources, destinations, ports: null });

Deno.test("behindAliases() speaks of the networks' own addresses, where they are ends behind this machine", () => {
  const filter = {
    peers: ["100.64.0.2/32", "10.202.0.0/24"],
    inbound: [line(["100.64.0.2/32", "10.201.0.9/32"], ["100.64.0.1/32", "10.200.0.0/15", "10.201.0.128/25"])],
    outbound: [line(["10.201.0.7/32", "10.9.0.0/24"], ["10.201.0.0/24"])],
    exit: [],
    firewall: [
      { ...line(["10.201.0.0/24"], ["10.201.0.7/32"]), direction: "in" as const, action: { kind: "drop" } as never },
      { ...line(["10.201.0.7/32"], ["10.201.0.0/24"]), direction: "out" as const, action: { kind: "drop" } as never },
    ],
  };
  const aliases = [{ prefix: "10.201.0.0/24", lan: "192.168.1.0/24" }];
  assert.deepEqual(behindAliases(filter, []), filter);
  const { peers, inbound, outbound, firewall } = behindAliases(filter, aliases);
  assert.deepEqual(firewall.map((l) => [l.sources, l.destinations]), [
    [["10.201.0.0/24"], ["192.168.1.7/32"]],
    [["192.168.1.7/32"], ["10.201.0.0/24"]],
  ]);
  assert.deepEqual(peers, filter.peers);
  assert.deepEqual(inbound[0]!.sources, ["100.64.0.2/32", "10.201.0.9/32"]);
  assert.ok(inbound[0]!.destinations.includes("192.168.1.0/24") && inbound[0]!.destinations.includes("100.64.0.1/32"));
  assert.ok(inbound[0]!.destinations.includes("10.200.0.0/16"), inbound[0]!.destinations.join());
  assert.ok(!inbound[0]!.destinations.some((prefix) => prefix.startsWith("10.201.0.")));
  assert.deepEqual([outbound[0]!.sources, outbound[0]!.destinations], [["10.9.0.0/24", "192.168.1.7/32"], [
    "10.201.0.0/24",
  ]]);
});
