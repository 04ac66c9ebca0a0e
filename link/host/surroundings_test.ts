import assert from "node:assert/strict";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { createLog } from "../../mesh/host/log.ts";
import { stunCrypto } from "./crypto.ts";
import { HostAddresses } from "./host_addresses.ts";
import type { SelectedPair } from "../core/ice/event.ts";
import type { IceHub } from "./ice_hub.ts";
import type { Machine } from "./machine.ts";
import type { NetworkView } from "./network_view.ts";
import { Surroundings } from "./surroundings.ts";
import { LOOPBACK, open, portOf } from "./testing_peer.ts";
import { answerTo, stunServer } from "./testing_stun.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { Hardness } from "../core/nat/kind.ts";

/** The machine's outer address, by a STUN server of tests. */
const OUTSIDE = { address: "203.0.113.9", port: 51820 };

/** A machine at `where`, with a gate and a coordinator that have names. @param o.stun where the gate's STUN service is */
function world(o: { stun?: TransportAddress } = {}) {
  const events: string[] = [];
  const where = { addresses: ["192.168.1.2"], gateway: "192.168.1.1" };
  const resolver = { answers: true, known: true, late: [] as (() => void)[] };
  const gate = { id: "g", record: { hosts: ["gate.example"], stun: o.stun?.port ?? 3478 } };
  const gateAt = o.stun?.address ?? "203.0.113.1";
  const surroundings = new Surroundings({
    hub: {
      setHost: (addresses: string[]) => events.push(`host ${addresses.join()}`),
      setServers: (servers: { base: string }[]) =>
        events.push(`servers from ${servers.map(({ base }) => base).join()}`),
      observations: () => [{ server: { address: gateAt, port: gate.record.stun }, mapped: OUTSIDE }],
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
    stun: o.stun !== undefined,
    addresses: new HostAddresses({
      state: { addresses: () => Promise.resolve({}), saveAddresses: () => Promise.resolve() },
      resolve: async (host) => {
        if (!resolver.answers) {
          events.push(`asked ${host}`);
          await new Promise<void>((resolve) => resolver.late.push(resolve));
        }
        return resolver.known ? [host === "gate.example" ? gateAt : "203.0.113.2"] : [];
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

/** How a peer at an address of its own sees the tunnel's port. */
function sight(port: number) {
  const base = { address: "192.168.1.2", port: 51820 };
  const local = { type: "srflx" as const, address: OUTSIDE.address, port, base };
  return { local, remote: { address: "198.51.100.7", port: 51820 } } as SelectedPair;
}

/** Looks are over; what STUN services say comes by itself. */
async function becomes(surroundings: Surroundings, hardness: Hardness) {
  for (let n = 0; surroundings.hardness !== hardness && n < 500; n++) await new Promise((go) => setTimeout(go, 10));
  assert.equal(surroundings.hardness, hardness);
}

Deno.test("Surroundings is unsure of a NAT that one address has seen, until two peers have seen the same, and asks anew elsewhere", async () => {
  await using server = stunServer();
  const { surroundings, where } = world({ stun: server.at });
  assert.equal(surroundings.hardness, "unknown");
  await surroundings.refresh();
  await becomes(surroundings, "unsure");
  for (let n = 0; n < 3; n++) surroundings.seen("mallory", sight(4000 + n));
  assert.equal(surroundings.hardness, "unsure"); // one peer alone may lie
  surroundings.seen("bob", sight(4000));
  assert.equal(surroundings.hardness, "hard");
  where.gateway = "192.168.1.254"; // another network that looks alike
  await surroundings.refresh();
  assert.equal(surroundings.hardness, "unknown");
  await becomes(surroundings, "unsure"); // what was seen there does not count here
  for (const peer of ["bob", "mallory"]) surroundings.seen(peer, sight(OUTSIDE.port));
  assert.equal(surroundings.hardness, "easy");
});

Deno.test("Surroundings asks a STUN service that did not answer again at the next look", async () => {
  const gone = stunServer();
  await gone[Symbol.asyncDispose]();
  const { surroundings } = world({ stun: gone.at });
  await surroundings.refresh();
  await becomes(surroundings, "easy"); // nothing to open towards
  await using _back = stunServer(gone.at.port);
  await surroundings.refresh();
  await becomes(surroundings, "unsure");
});

Deno.test("Surroundings knows that there is no STUN service where the gate's name does not resolve from the start", async () => {
  await using server = stunServer();
  const { surroundings, resolver } = world({ stun: server.at });
  resolver.known = false;
  await surroundings.refresh();
  assert.deepEqual(surroundings.services, []);
  await becomes(surroundings, "easy");
  resolver.known = true;
  await surroundings.refresh();
  await becomes(surroundings, "unsure");
});

Deno.test("Surroundings asks once at a time, and what it asked before it moved says nothing any more", async () => {
  const socket = open();
  using _end = { [Symbol.dispose]: () => socket.close() };
  const { surroundings, where } = world({ stun: { address: LOOPBACK.hostname, port: portOf(socket) } });
  const asks = new Map<number, () => Promise<unknown>>(); // by the port of the socket that asks, which does so again
  void readDatagrams(socket, (bytes, from) => {
    asks.set(from.port, () => socket.send(answerTo(bytes, 4000), from));
  });
  const asked = async (count: number) => {
    for (let n = 0; asks.size < count && n < 1_000; n++) await new Promise((go) => setTimeout(go, 5));
    return [...asks.values()].at(-1)!;
  };
  await surroundings.refresh();
  const before = await asked(1);
  await surroundings.refresh(); // it is being found out already
  where.gateway = "192.168.1.254";
  await surroundings.refresh();
  const after = await asked(2);
  await before();
  await new Promise((go) => setTimeout(go, 50));
  assert.equal(surroundings.hardness, "unknown");
  await after();
  await becomes(surroundings, "unsure");
  assert.equal(asks.size, 2);
});
