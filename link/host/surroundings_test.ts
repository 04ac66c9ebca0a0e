import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { stunCrypto } from "./crypto.ts";
import { HostAddresses } from "./host_addresses.ts";
import type { IceHub } from "./ice_hub.ts";
import type { Machine } from "./machine.ts";
import type { NetworkView } from "./network_view.ts";
import { Surroundings } from "./surroundings.ts";

/** A machine at `where`, with a gate and a coordinator that have names. */
function world() {
  const events: string[] = [];
  const where = { addresses: ["192.168.1.2"], gateway: "192.168.1.1" };
  const resolver = { answers: true, late: [] as (() => void)[] };
  const gate = { id: "g", record: { hosts: ["gate.example"], stun: 3478 } };
  const surroundings = new Surroundings({
    hub: {
      setHost: (addresses: string[]) => events.push(`host ${addresses.join()}`),
      setServers: (servers: { base: string }[]) =>
        events.push(`servers from ${servers.map(({ base }) => base).join()}`),
    } as unknown as IceHub,
    machine: {
      wgPort: 51820,
      ip: {
        iface: "gm0",
        hostAddresses: () => Promise.resolve(where.addresses.map((address) => ({ address }))),
        routeTo: () =>
          Promise.resolve(
            where.addresses[0] ? { source: where.addresses[0], gateway: where.gateway, iface: "eth0" } : null,
          ),
      },
    } as unknown as Machine,
    view: { isOverlay: () => false, gates: new Map([["g", gate]]) } as unknown as NetworkView,
    server: "mesh.example",
    serverPort: 443,
    crypto: stunCrypto,
    turnServers: [],
    stun: false,
    addresses: new HostAddresses({
      state: { addresses: () => Promise.resolve({}), saveAddresses: () => Promise.resolve() },
      resolve: async (host) => {
        if (!resolver.answers) {
          events.push(`asked ${host}`);
          await new Promise<void>((resolve) => resolver.late.push(resolve));
        }
        return [host === "gate.example" ? "203.0.113.1" : "203.0.113.2"];
      },
    }),
    moved: () => events.push("moved"),
    log: createLog("link", { write: () => {} }),
  });
  return { surroundings, events, where, resolver };
}

Deno.test("Surroundings tells of another network before it asks for any name, and does not wait for a silent resolver", async () => {
  const { surroundings, events, where, resolver } = world();
  await surroundings.refresh();
  assert.deepEqual(events.splice(0), ["host 192.168.1.2", "servers from "]);
  resolver.answers = false;
  where.addresses = ["10.0.0.7"];
  where.gateway = "10.0.0.1";
  await surroundings.refresh(); // the resolver never says a word
  assert.deepEqual(events, ["host 10.0.0.7", "servers from ", "moved", "asked mesh.example", "asked gate.example"]);
  assert.deepEqual(surroundings.services.map(({ server, base }) => [server.address, base]), [[
    "203.0.113.1",
    "10.0.0.7",
  ]]);
  assert.deepEqual(surroundings.outside(), ["203.0.113.1"]);
  assert.deepEqual(surroundings.coordinator(), ["203.0.113.2"]);
});

Deno.test("Surroundings that had to go on without an answer is to be asked again, and has it then", async () => {
  const { surroundings, events, resolver } = world();
  resolver.answers = false;
  await surroundings.refresh();
  assert.deepEqual(surroundings.services, []);
  for (const answer of resolver.late.splice(0)) answer();
  assert.equal(surroundings.unresolved, true);
  await surroundings.refresh(); // no answer to this one either
  assert.equal(surroundings.services.length, 1);
  assert.equal(surroundings.unresolved, true);
  resolver.answers = true;
  await surroundings.refresh();
  assert.equal(surroundings.unresolved, false);
  assert.equal(events.includes("moved"), false);
});

Deno.test("Surroundings tells when a network goes, and when the same one comes back", async () => {
  const { surroundings, events, where } = world();
  const count = () => events.filter((event) => event === "moved").length;
  await surroundings.refresh();
  const before = where.addresses;
  where.addresses = [];
  await surroundings.refresh();
  assert.equal(count(), 1);
  where.addresses = before;
  await surroundings.refresh();
  assert.equal(count(), 2);
});
