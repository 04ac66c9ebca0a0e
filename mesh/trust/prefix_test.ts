import assert from "node:assert/strict";
import fc from "fast-check";
import { contains, containsAddress, type Prefix, readPrefix } from "./prefix.ts";
import { ghost } from "./testdata/assert.ts";

const read = (text: string): Prefix => readPrefix(text, { place: "p", code: "bad_input" });

Deno.test("readPrefix() takes the canonical form only, and says it", () => {
  for (const text of ["10.1.1.0/24", "0.0.0.0/0", "::/0", "fd00::/8", "2001:db8:0:1::/64", "192.0.2.1/32"]) {
    assert.equal(read(text).text, text);
  }
  assert.throws(
    () => read("10.1.1.1/24"),
    ghost("bad_input", /^p: Expected "10\.1\.1\.0\/24", found "10\.1\.1\.1\/24"/),
  );
  const others = [
    "10.1.1.0/024",
    "10.1.1/24",
    "010.1.1.0/24",
    "0xa.1.1.0/24",
    "FD00::/8",
    "fd00:0::/8",
    "fd00::/8 ",
    "",
  ];
  for (const text of [...others, "10.0.0.0/33", "::/129", "10.0.0.0", "10.0.0.0/-1", "x/8"]) {
    assert.throws(() => read(text), ghost("bad_input"), text);
  }
});

Deno.test("readPrefix() refuses what no tunnel may carry", () => {
  for (const text of ["127.0.0.0/8", "::1/128", "224.0.0.0/4", "ff00::/8", "169.254.0.0/16", "fe80::/10"]) {
    assert.throws(() => read(text), ghost("bad_input", /cannot be routed/), text);
  }
  for (
    const text of ["::ffff:127.0.0.1/128", "::ffff:7f00:1/128", "::ffff:0:0/96", "0.0.0.0/8", "255.255.255.255/32"]
  ) {
    assert.throws(() => read(text), ghost("bad_input"), text);
  }
});

Deno.test("contains() compares bits and families", () => {
  assert.ok(contains(read("10.0.0.0/8"), read("10.1.1.0/24")));
  assert.ok(contains(read("10.1.1.0/24"), read("10.1.1.0/24")));
  assert.ok(!contains(read("10.1.1.0/24"), read("10.0.0.0/8")));
  assert.ok(!contains(read("10.1.1.0/24"), read("10.1.2.0/24")));
  assert.ok(!contains(read("::/0"), read("10.1.1.0/24")));
  assert.ok(contains(read("0.0.0.0/0"), read("10.1.1.0/24")));
  assert.ok(containsAddress(read("fd00::/8"), "fd12::1"));
  assert.ok(!containsAddress(read("10.0.0.0/8"), "no address"));
});

Deno.test("contains() agrees with arithmetic", () => {
  const prefix = fc.tuple(fc.integer({ min: 0x0b000000, max: 0x7e000000 }), fc.integer({ min: 1, max: 32 }))
    .map(([n, length]) => {
      const base = Math.floor(n / 2 ** (32 - length)) * 2 ** (32 - length);
      return { base, length, text: `${[24, 16, 8, 0].map((s) => (base >>> s) & 255).join(".")}/${length}` };
    }).filter(({ base }) => base >= 0x01000000);
  fc.assert(fc.property(prefix, prefix, (a, b) => {
    const expected = b.length >= a.length && b.base >= a.base && b.base < a.base + 2 ** (32 - a.length);
    assert.equal(contains(read(a.text), read(b.text)), expected);
  }));
});
