/** Changing path and key under running traffic, without losing a packet. */
import assert from "node:assert/strict";
import { boxKeyFromSeed } from "../../../mesh/trust/keys.ts";
import { connected, DIRECT_A, DIRECT_B, NO_PARTS } from "./scenarios_tunnel.ts";
import { eventually, helper, type Machine, type MachineOptions, makeWorld, peerOf, WG_PORT } from "./world.ts";

/** How late the relay is, in ms: enough that packets of the old path are under way when the new one is in use. */
const RELAY_DELAY = 30;
const PINGS = 400;

/** IPv4: from the relay to the direct pair, each end at another moment. */
export async function bridge4(programs?: readonly string[]): Promise<void> {
  await climb("10.0.0.1", "10.0.0.2", programs);
}

/** The same for an IPv6 pair; the relay's sockets are on ::1 then. */
export async function bridge6(programs?: readonly string[]): Promise<void> {
  await climb("fd00:a::1", "fd00:a::2", programs);
}

async function climb(ownA: string, ownB: string, programs?: readonly string[]): Promise<void> {
  const six = ownA.includes(":");
  const { a, b } = await makeWorld();
  const o: MachineOptions = programs ? { programs } : {};
  await Promise.all([a.open(o), b.open(o)]);
  for (const m of [a, b]) {
    for (const scope of ["all", "eth0"]) await m.run(m.tools.sysctl, "-qw", `net.ipv4.conf.${scope}.rp_filter=1`);
  }
  const start = async (m: Machine, own: string, peer: string) => {
    const relay = await helper(m, "./relay.ts", [`${WG_PORT}`, own, peer, `${RELAY_DELAY}`]);
    return { ...relay, port: Number(relay.lines[0]!.split(" ")[six ? 1 : 0]) };
  };
  const [relayA, relayB] = await Promise.all([start(a, ownA, ownB), start(b, ownB, ownA)]);
  const loopback = six ? "::1" : "127.0.0.1";
  const ends = [
    { m: a, n: 1, own: ownA, peer: b, relay: { address: loopback, port: relayA.port }, remote: ownB },
    { m: b, n: 2, own: ownB, peer: a, relay: { address: loopback, port: relayB.port }, remote: ownA },
  ] as const;
  const onRelay = (e: typeof ends[number], keepalive: number) =>
    e.m.apply(e.m.desired(e.n, [{ ...peerOf(e.peer, 3 - e.n, e.relay), keepalive }], NO_PARTS));
  const onDirect = async (e: typeof ends[number]) => {
    const direct = { address: e.remote, port: WG_PORT };
    const bridges = [{ relayPort: e.relay.port, remote: direct, local: e.own }];
    const desired = e.m.desired(e.n, [peerOf(e.peer, 3 - e.n, direct)], { ...NO_PARTS, bridges });
    await e.m.table.load({ ...NO_PARTS, bridges }); // before the endpoint, or WireGuard roams back
    await e.m.apply(desired);
  };
  const endpoints = async () =>
    (await Promise.all(ends.map((e) => e.m.wg.show()))).map((s) => `${s.peers[0]!.endpoint!.address}`);

  await onRelay(ends[1], 0);
  await onRelay(ends[0], 25);
  await eventually("a handshake", async () => (await a.wg.show()).peers[0]?.lastHandshake !== null);
  for (const [first, second] of [[0, 1], [1, 0]] as const) {
    for (const e of ends) {
      await e.m.table.load(NO_PARTS);
      await onRelay(e, 25);
    }
    // Packets that are still on the direct path let it roam; after the second time none is left.
    await a.ping("100.64.0.2", { count: 20, interval: 0.01 });
    for (const e of ends) await onRelay(e, 25);
    assert.deepEqual(await endpoints(), [loopback, loopback]);

    const stream = a.ping("100.64.0.2", { count: PINGS, interval: 0.005 });
    const reached = (e: typeof ends[number], bytes: number) =>
      eventually("pings", async () => (await e.m.wg.show()).peers[0]!.rxBytes > bytes);
    const flowing = async () => {
      const { rxBytes } = (await a.wg.show()).peers[0]!;
      await reached(ends[0], rxBytes + 60 * 128);
    };
    await flowing();
    await onDirect(ends[first]);
    await flowing(); // the other end still sends by the relay
    assert.equal((await endpoints())[first], ends[first].remote);
    await onDirect(ends[second]);
    let done = false;
    const ended = stream.finally(() => done = true);
    while (!done) {
      assert.deepEqual(await endpoints(), [ownB, ownA]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(await ended, `${PINGS} packets transmitted, ${PINGS} received`);
  }
  await Promise.all([relayA.stop(), relayB.stop()]);
  await a.close();
  await b.close();
}

/** a takes another key in the order that loses nothing: its own key first, then its peer in one step, the old one last. */
export async function rotation(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  const stream = b.ping("100.64.0.1", { count: 2_000, interval: 0.002 });
  let done = false;
  const ended = stream.finally(() => done = true);
  let rotations = 0;
  for (; rotations < 3 && !done; rotations++) {
    const old = a.key;
    a.key = await boxKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
    a.learn(a.key);
    const own = a.desired(1, [peerOf(b, 2, DIRECT_B)], NO_PARTS);
    assert.deepEqual((await a.apply(own)).wg, [{ type: "device", publicKey: a.key.public }]);
    const retiring = { ...peerOf(a, 1, null), publicKey: old.public, allowedIps: [], keepalive: 0 };
    await b.apply(b.desired(2, [peerOf(a, 1, DIRECT_A), retiring], NO_PARTS));
    await eventually(
      "a handshake with the new key",
      async () => (await b.wg.show()).peers.some((p) => p.publicKey === a.key.public && p.lastHandshake !== null),
    );
    const last = await b.apply(b.desired(2, [peerOf(a, 1, DIRECT_A)], NO_PARTS));
    assert.deepEqual(last.wg, [{ type: "remove", publicKey: old.public }]);
    assert.deepEqual(last.ip, []);
  }
  assert.equal(rotations, 3);
  assert.equal(await ended, "2000 packets transmitted, 2000 received");
  await a.close();
  await b.close();
}
