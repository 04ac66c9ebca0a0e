import assert from "node:assert/strict";
import { addressBytes, addressText, canonical, canonicalAddress, endpointText, isUsable } from "./address.ts";

Deno.test("canonicalAddress() gives one spelling and refuses second spellings", () => {
  assert.equal(canonicalAddress("192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalAddress("2001:DB8:0:0::0001"), "2001:db8::1");
  for (
    const text of ["", "1.2.3", "0x7f.1", "01.2.3.4", "1.2.3.4.5", "::ffff:1.2.3.4", "fe80::1%eth0", "host", "1:2"]
  ) {
    assert.throws(() => canonicalAddress(text), { name: "GhostError" }, text);
  }
});

Deno.test("canonical() refuses ports out of range", () => {
  assert.deepEqual(canonical({ address: "::1", port: 1 }), { address: "::1", port: 1 });
  for (const port of [0, -1, 65536, 1.5, NaN]) assert.throws(() => canonical({ address: "::1", port }));
});

Deno.test("endpointText() brackets IPv6", () => {
  assert.equal(endpointText({ address: "192.0.2.1", port: 5 }), "192.0.2.1:5");
  assert.equal(endpointText({ address: "2001:db8::1", port: 5 }), "[2001:db8::1]:5");
});

Deno.test("isUsable() refuses what no path can lead to", () => {
  for (const good of ["10.0.0.1", "192.168.1.1", "203.0.113.1", "100.64.0.1", "2001:db8::1", "fd00::1"]) {
    assert.equal(isUsable(good), true, good);
  }
  for (
    const bad of [
      "127.0.0.1",
      "0.0.0.0",
      "0.1.2.3",
      "224.0.0.1",
      "255.255.255.255",
      "169.254.1.1",
      "::",
      "::1",
      "fe80::1",
      "ff02::1",
    ]
  ) {
    assert.equal(isUsable(bad), false, bad);
  }
});

Deno.test("addressText() is the inverse of addressBytes()", () => {
  for (const text of ["192.0.2.1", "2001:db8::1", "::1"]) assert.equal(addressText(addressBytes(text)), text);
});
