import assert from "node:assert/strict";
import { waysTo } from "./gate_ways.ts";

const [SIX, FOUR, NAMED] = ["2001:db8::1", "192.0.2.1", "192.0.2.9"];

/** The ways of a machine with routes to these addresses, where "gate.example" resolves and nothing else does. */
function ways(hosts: string[], routeTo: (address: string) => boolean): Promise<string[]> {
  const look = (host: string) =>
    Promise.resolve(host === "gate.example" ? [NAMED] : /^[\d.]+$|:/.test(host) ? [host] : []);
  const route = { iface: "eth0", source: null, gateway: null };
  return waysTo(hosts, {
    addresses: { look },
    ip: { routeTo: (address) => Promise.resolve(routeTo(address) ? route : null) },
  });
}

Deno.test("waysTo() leaves out what this machine has no route to, as IPv6 where there is none", async () => {
  const no6 = (address: string) => !address.includes(":");
  assert.deepEqual(await ways([SIX, FOUR], no6), [FOUR]);
  assert.deepEqual(await ways([SIX, FOUR], () => true), [SIX, FOUR]);
});

Deno.test("waysTo() resolves names, and leaves the names themselves to the system, last", async () => {
  const hosts = ["gate.example", "hosts.file", SIX];
  assert.deepEqual(await ways(hosts, () => true), [NAMED, SIX, "gate.example", "hosts.file"]);
  assert.deepEqual(await ways(["hosts.file"], () => true), ["hosts.file"]);
});

Deno.test("waysTo() gives all where nothing is known to lead out, or cannot be asked for", async () => {
  assert.deepEqual(await ways([SIX, FOUR], () => false), [SIX, FOUR]);
  const ip = { routeTo: () => Promise.reject(new Error("no ip")) };
  const addresses = { look: (host: string) => Promise.resolve([host]) };
  assert.deepEqual(await waysTo([SIX, FOUR], { addresses, ip }), [SIX, FOUR]);
});
