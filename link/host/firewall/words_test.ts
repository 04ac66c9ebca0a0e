/** What is in force, in words. */
import assert from "node:assert/strict";
import type { Filter } from "../../../mesh/policy/mod.ts";
import { rowsOf } from "./words.ts";

const INTERNET = ["1.0.0.0/8", "2.0.0.0/7", "2000::/16", "2003::/16"];

Deno.test("rowsOf() names the internet where all of it is meant, of both families or of one", () => {
  const allowTo = (destinations: string[]) => {
    const outbound = [{ rule: 0, line: 7, sources: ["100.64.0.2/32"], destinations, ports: null }];
    const filter = { inbound: [], outbound, exit: [], firewall: [] } as unknown as Filter;
    const inForce = { filter, entry: 1, since: 0 } as unknown as Parameters<typeof rowsOf>[0];
    const nameOf = (address: string) => address === "100.64.0.2" ? "alice" : undefined;
    return rowsOf(inForce, { totals: null, nameOf, internet: INTERNET }).find(({ line }) => line === 7)!.text;
  };
  const told = (words: string) => `lets alice reach ${words} on everything`;
  assert.equal(allowTo(INTERNET), told("the internet"));
  assert.equal(allowTo([...INTERNET, "10.1.1.0/24"]), told("the internet, 10.1.1.0/24"));
  assert.equal(allowTo(INTERNET.slice(0, 2)), told("the internet (IPv4)"));
  assert.equal(allowTo(INTERNET.slice(0, 3)), told("the internet (IPv4), 2000::/16"));
  assert.equal(allowTo(["1.0.0.0/8"]), told("1.0.0.0/8"));
});
