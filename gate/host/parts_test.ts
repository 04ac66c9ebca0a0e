import assert from "node:assert/strict";
import { DEFAULT_ADMIT } from "../../mesh/wire/admit.ts";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { verifyGateRecord } from "../../mesh/trust/record.ts";
import { hostsOf } from "./addresses.ts";
import { openCertificate } from "./certificate.ts";
import { loadGateConfig } from "./config.ts";
import { type GateFacts, makeRecord, readOwnRecord, recordDue } from "./publisher.ts";
import { openSockets } from "./sockets.ts";
import { GateState } from "./state.ts";
import { random, seconds, TestNetwork } from "./testing.ts";

async function withDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function configOf(text: string): Promise<Awaited<ReturnType<typeof loadGateConfig>>> {
  let config!: Awaited<ReturnType<typeof loadGateConfig>>;
  await withDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/ghostgate.toml`, text);
    config = await loadGateConfig(`${dir}/ghostgate.toml`);
  });
  return config;
}

Deno.test("loadGateConfig() reads the newcomer's file as it stands, and nothing as the same", async () => {
  const file = await configOf(
    `[relay]\nlisten = "0.0.0.0:3478"\nuse_quic = true\nfallback = ["ice", "turn", "stun"]\n`,
  );
  assert.deepEqual(file, await loadGateConfig(undefined));
  assert.deepEqual(file, {
    listen: { hostname: "0.0.0.0", port: 3478 },
    use_quic: true,
    fallback: ["ice", "turn", "stun"],
    region: "",
    lanes: { first: 40_000, last: 49_999 },
    lanes_kernel: true,
    lane_idle: 300,
    turn_tls: 443,
    turn_ports: { first: 61_000, last: 65_535 },
    lanes_per_network: 65_535,
    lanes_per_node: 256,
  });
  assert.deepEqual(await configOf(""), file);
  assert.deepEqual((await configOf(`[relay]\nlisten = "[::]:1"`)).listen, { hostname: "::", port: 1 });
});

Deno.test("loadGateConfig() refuses with place and reason", async () => {
  for (
    const [text, line] of [
      [`fallback = ["ice", "turm"]`, /:2:20 relay\.fallback\[1\]: Unknown; known are: ice, turn, stun$/],
      [`listen = "0.0.0.0"`, /:2:1 relay\.listen: Expected an address and a port/],
      [`listen = "[1:3]:80"`, /:2:1 relay\.listen: Expected/],
      [`listen = "1.2.3.4:70000"`, /:2:1 relay\.listen: Expected/],
      [`lisen = "0.0.0.0:1"`, /:2:1 relay\.lisen: Unknown key; did you mean "listen"\?$/],
      [`use_quic = "yes"`, /:2:1 relay\.use_quic: Expected boolean, got string$/],
      [`name = "Not A Label"`, /:2:1 relay\.name: Expected a DNS label/],
      [`advertise = ["a b"]`, /:2:14 relay\.advertise\[0\]: Expected a host name/],
      [`turn_ports = "49999-50100"`, /relay\.turn_ports: Lanes and TURN cannot have the same ports/],
      [`turn = 61000`, /relay\.turn_ports: Port 61000 is used for something else/],
      [`turn_ports = "3489-4000"`, /relay\.turn_ports: Port 3489 is used for something else/], // STUN's second
      [`lanes = "3479-4000"`, /relay\.lanes: Port 3479 is used for something else/],
      [`stun = 3480`, /relay\.turn: Port 3480 is used for something else/],
      [`turn = 3489`, /relay\.turn: Port 3489 is used for something else/],
      [`turn = 443`, /relay\.turn_tls: Port 443 is turn's/],
      [`listen = "0.0.0.0:65534"`, /relay\.listen: There is no port 65536 for the TURN service/],
      [`stun = 3478`, /relay\.stun: The STUN service needs a port of its own/],
      [`listen = "0.0.0.0:65535"`, /relay\.listen: There is no port after 65535/],
    ] as const
  ) {
    await assert.rejects(configOf(`[relay]\n${text}\n`), (e: { code: string; line: string }) => {
      assert.equal(e.code, "bad_config");
      assert.match(e.line, line);
      return true;
    });
  }
});

Deno.test("openSockets() names the port that is in use and leaves nothing open", async () => {
  const config = await configOf(`[relay]\nlisten = "127.0.0.1:0"`);
  using first = openSockets(config, "ghostgate.toml");
  const taken = { ...config, listen: { hostname: "127.0.0.1", port: first.quicPort } };
  assert.throws(() => openSockets(taken, "ghostgate.toml"), {
    code: "port_in_use",
    message: `UDP port ${first.quicPort} is in use`,
    place: "ghostgate.toml relay.listen",
  });
  assert.throws(() => openSockets({ ...config, stun: first.stunPort }, "ghostgate.toml"), {
    code: "port_in_use",
    place: "ghostgate.toml relay.stun",
  });
  assert.throws(() => openSockets({ ...config, listen: { hostname: "192.0.2.77", port: 0 } }, "ghostgate.toml"), {
    code: "bad_config",
    message: "This machine has no address 192.0.2.77",
  });
  assert.throws(() => openSockets({ ...config, use_quic: false, fallback: ["ice"] }, "ghostgate.toml"), {
    code: "bad_config",
  });
});

Deno.test("hostsOf() prefers global addresses, never the network's own, and falls back in order", () => {
  const own = ["127.0.0.1", "::1", "fe80::1%eth0", "10.0.0.5", "fd12::5", "100.64.0.9", "203.0.113.5", "2001:db8::5"];
  const overlay = ["fd99::/48", "100.64.0.0/10"];
  assert.deepEqual(hostsOf({ listen: "0.0.0.0", own, overlay }), ["203.0.113.5"]);
  assert.deepEqual(hostsOf({ listen: "::", own, overlay }), ["203.0.113.5", "2001:db8::5"]);
  assert.deepEqual(hostsOf({ listen: "10.0.0.5", own, overlay }), ["10.0.0.5"]);
  assert.deepEqual(hostsOf({ listen: "::", own: own.slice(0, 6), overlay }), ["10.0.0.5", "fd12::5"]);
  assert.deepEqual(hostsOf({ listen: "::", own: own.slice(0, 6), overlay: [] }), ["10.0.0.5", "100.64.0.9", "fd12::5"]);
  assert.deepEqual(hostsOf({ listen: "0.0.0.0", own: ["127.0.0.1", "100.64.0.9"], overlay }), ["127.0.0.1"]);
  assert.deepEqual(hostsOf({ listen: "::", own: ["::ffff:203.0.113.5", "203.0.113.5"], overlay }), ["203.0.113.5"]);
});

Deno.test("openCertificate() makes one certificate, keeps it to itself and replaces it before it ends", async () => {
  await withDir(async (dir) => {
    let time = Date.now();
    const world = { now: () => time, random };
    const first = await openCertificate(dir, world);
    assert.deepEqual(await openCertificate(dir, world), first);
    assert.equal((await Deno.stat(`${dir}/certificate.json`)).mode! & 0o777, 0o600);
    time += 3651 * 86_400_000;
    assert.notEqual((await openCertificate(dir, world)).hash, first.hash);
    await Deno.writeTextFile(`${dir}/certificate.json`, `{"cert":"x","key":"y"}`);
    await assert.rejects(openCertificate(dir, world), { code: "bad_config" });
  });
});

Deno.test("GateState keeps its identity, and one process at a time", async () => {
  await withDir(async (dir) => {
    const state = new GateState(dir);
    const key = await state.identity(random);
    assert.deepEqual(await state.identity(random), key);
    assert.equal((await Deno.stat(`${dir}/identity.json`)).mode! & 0o777, 0o600);
    {
      using _lock = await state.lock();
      await assert.rejects(new GateState(dir).lock(), { code: "port_in_use", place: dir });
    }
    using _again = await state.lock();
  });
});

Deno.test("makeRecord() grows with every change and at half the record's life", async () => {
  const network = await TestNetwork.create();
  const grantKey = await network.grant({ gate: true });
  const key = await signingKeyFromSeed(random(32));
  const now = seconds();
  const proof = await makeTokenProof({ grantKey, net: network.id, sub: key.public, iat: now });
  const cert = key.public; // any 32 bytes
  const facts: GateFacts = { name: "gate", region: "", hosts: ["192.0.2.1"], quic: 1, stun: 2, cert, version: "0.1.0" };
  const first = await makeRecord({ facts, net: network.id, key, proof, before: null, now });
  const verified = await verifyGateRecord(first, { ledger: network.ledger, now, admit: DEFAULT_ADMIT });
  assert.deepEqual(verified.record, readOwnRecord(first));
  assert.equal(recordDue(verified.record, facts, now), false);
  assert.equal(recordDue(verified.record, { ...facts, hosts: ["192.0.2.2"] }, now), true);
  assert.equal(recordDue(verified.record, facts, now + 15 * 86_400), true);
  const second = readOwnRecord(
    await makeRecord({ facts, net: network.id, key, proof, before: verified.record, now: now - 100 }),
  );
  assert(second.seq > verified.record.seq);
});
