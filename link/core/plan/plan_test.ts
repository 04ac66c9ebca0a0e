import assert from "node:assert/strict";
import { planAddresses } from "./addresses.ts";
import { canonicalInterface, canonicalPrefix } from "./prefix.ts";
import { planRoutes } from "./routes.ts";

Deno.test("canonicalPrefix() clears host bits and spells both families one way", () => {
  assert.equal(canonicalPrefix("10.1.1.77/20"), "10.1.0.0/20");
  assert.equal(canonicalPrefix("10.1.1.77"), "10.1.1.77/32");
  assert.equal(canonicalPrefix("FD00:0:0:1::5/61"), "fd00::/61");
  assert.equal(canonicalPrefix("0.0.0.0/0"), "0.0.0.0/0");
  assert.equal(canonicalPrefix("::1/0"), "::/0");
  assert.equal(canonicalInterface("10.1.1.77/20"), "10.1.1.77/20");
  assert.throws(() => canonicalPrefix("10.1.1.0/33"));
});

Deno.test("planAddresses() adds before it removes, and is done when nothing differs", () => {
  const desired = { addresses: ["100.64.0.1/32", "fd00:0::1/128"], mtu: 1280 };
  const observed = { addresses: ["100.64.0.9/32", "fd00::1/128"], mtu: 1420, up: false };
  assert.deepEqual(planAddresses(desired, observed), [
    { type: "mtu", mtu: 1280 },
    { type: "address-add", address: "100.64.0.1/32" },
    { type: "up" },
    { type: "address-remove", address: "100.64.0.9/32" },
  ]);
  assert.deepEqual(planAddresses(desired, { addresses: ["fd00::1/128", "100.64.0.1/32"], mtu: 1280, up: true }), []);
});

Deno.test("planRoutes() adds, corrects the source, removes; what tools print without a length counts", () => {
  const desired = [{ prefix: "100.64.0.2/32" }, { prefix: "10.1.1.0/24", source: "100.64.0.1" }, {
    prefix: "fd00::2/128",
  }];
  const observed = [
    { prefix: "100.64.0.2", source: null },
    { prefix: "10.1.1.0/24", source: null },
    { prefix: "10.9.0.0/16", source: null },
  ];
  assert.deepEqual(planRoutes(desired, observed), [
    { type: "route-replace", prefix: "10.1.1.0/24", source: "100.64.0.1" },
    { type: "route-add", prefix: "fd00::2/128", source: null },
    { type: "route-remove", prefix: "10.9.0.0/16" },
  ]);
  // Without a wish the kernel's own choice of source stands.
  assert.deepEqual(planRoutes([{ prefix: "10.1.1.0/24" }], [{ prefix: "10.1.1.0/24", source: "100.64.0.1" }]), []);
});
