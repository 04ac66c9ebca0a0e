import assert from "node:assert/strict";
import { losesIpv6 } from "./wg_device.ts";

Deno.test("a wireguard-go that mixes up IPv6 addresses is told by its version", () => {
  const banner = (version: string) => `wireguard-go ${version}\n\nUserspace WireGuard daemon for linux-amd64.\n`;
  assert.equal(losesIpv6(banner("v0.0.20220316")), false);
  assert.equal(losesIpv6(banner("v0.0.20230223")), false);
  assert.equal(losesIpv6(banner("v0.0.20231211")), true);
  assert.equal(losesIpv6(banner("0.0.20250522")), true);
  assert.equal(losesIpv6("something else"), false);
});
