import assert from "node:assert/strict";
import {
  DAYS_REMEMBERED,
  lastResort,
  lastResortMetric,
  MAX_REMEMBERED,
  remember,
  type Remembered,
} from "./last_resort.ts";

const PREFIX = "fd11:2:3::/48";
const NOTHING = { prefix6: PREFIX, present: [], known: [], foreign: [], outside: [] };

Deno.test("lastResort() covers the whole IPv6 range before anybody is known, and no IPv4 range at all", () => {
  assert.deepEqual(lastResort(NOTHING), [PREFIX]);
});

Deno.test("lastResort() covers each IPv4 address that is or was a machine's once", () => {
  const present = ["100.64.0.1", "fd11:2:3::1", "100.64.0.2"];
  const prefixes = lastResort({ ...NOTHING, present, known: ["100.64.0.2", "100.64.0.9"] });
  assert.deepEqual(prefixes, [PREFIX, "100.64.0.1/32", "100.64.0.2/32", "100.64.0.9/32"]);
});

Deno.test("lastResort() leaves to others what they lead somewhere and no peer has now", () => {
  const foreign = [{ prefix: "100.64.0.0/24", iface: "br0" }, { prefix: "100.101.0.9/32", iface: "tailscale0" }];
  const known = ["100.64.0.2", "100.64.0.9", "100.64.1.9", "100.101.0.9"];
  const prefixes = lastResort({ ...NOTHING, present: ["100.64.0.2"], known, foreign });
  assert.deepEqual(prefixes, [PREFIX, "100.64.0.2/32", "100.64.1.9/32"]);
});

Deno.test("lastResort() never cuts the daemon off from a gate or the coordinator", () => {
  assert.deepEqual(lastResort({ ...NOTHING, known: ["100.64.0.9"], outside: ["100.64.0.9"] }), [PREFIX]);
});

Deno.test("remember() keeps those that are known, and of those that were the newest, for 30 days", () => {
  const today = 20_000;
  const on = (day: number, ...addresses: string[]) => addresses.map((a): Remembered => [a, day]);
  assert.deepEqual(remember(on(today - 1, "a", "b"), ["c", "a"], today), [
    ...on(today - 1, "b"),
    ...on(today, "c", "a"),
  ]);
  const before = [...on(today - DAYS_REMEMBERED - 1, "long gone"), ...on(today - DAYS_REMEMBERED, "gone", "here")];
  assert.deepEqual(remember(before, ["here"], today), [...on(today - DAYS_REMEMBERED, "gone"), ...on(today, "here")]);
  // Nothing new is no reason to write.
  const same = on(today, "a", "b");
  assert.equal(remember(same, ["b"], today), same);
  const gone = on(today, ...Array.from({ length: MAX_REMEMBERED }, (_, i) => `gone ${i}`));
  const kept = remember(gone, ["now", "also now"], today);
  assert.equal(kept.length, MAX_REMEMBERED);
  assert.deepEqual([kept[0]![0], kept.at(-1)![0]], ["gone 2", "also now"]);
  const many = Array.from({ length: MAX_REMEMBERED + 5 }, (_, i) => `now ${i}`);
  assert.deepEqual(remember(gone, many, today), on(today, ...many));
});

Deno.test("lastResortMetric() is worse than what anybody uses, fits the kernel's, and tells machines apart", () => {
  const [one, two] = [lastResortMetric("abcdefgh"), lastResortMetric("abcdefgi")];
  assert.notEqual(one, two);
  for (const metric of [one, two, lastResortMetric("z".repeat(26))]) {
    assert.ok(metric > 1_000_000_000 && metric < 2 ** 32 - 1);
  }
});
