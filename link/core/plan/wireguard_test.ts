import assert from "node:assert/strict";
import fc from "fast-check";
import type { DesiredPeer, DesiredWireGuard, ObservedPeer, ObservedWireGuard, WgStep } from "./state.ts";
import { planWireGuard } from "./wireguard.ts";

const A = "A".repeat(43), B = "B".repeat(42) + "A", C = "C".repeat(42) + "A", SELF = "S".repeat(42) + "A";

function want(peers: Partial<DesiredPeer>[], o: Partial<DesiredWireGuard> = {}): DesiredWireGuard {
  return {
    publicKey: SELF,
    listenPort: 51820,
    peers: peers.map((p) => ({
      publicKey: A,
      endpoint: null,
      endpointPolicy: "pin" as const,
      allowedIps: [],
      keepalive: 0,
      ...p,
    })),
    ...o,
  };
}

function have(peers: Partial<ObservedPeer>[], o: Partial<ObservedWireGuard> = {}): ObservedWireGuard {
  return {
    publicKey: SELF,
    listenPort: 51820,
    peers: peers.map((p) => ({
      publicKey: A,
      endpoint: null,
      allowedIps: [],
      keepalive: 0,
      lastHandshake: null,
      rxBytes: 0,
      txBytes: 0,
      ...p,
    })),
    ...o,
  };
}

/** What WireGuard does with a step: one owner a prefix, AllowedIPs replaced. Also tells prefixes that nobody held meanwhile. */
function perform(steps: readonly WgStep[], observed: ObservedWireGuard, always: readonly string[] = []) {
  const peers = new Map(observed.peers.map((p) => [p.publicKey, { ...p, allowedIps: [...p.allowedIps] }]));
  let { publicKey, listenPort } = observed;
  const uncovered: string[] = [];
  for (const step of steps) {
    if (step.type === "device") {
      publicKey = step.publicKey ?? publicKey;
      listenPort = step.listenPort ?? listenPort;
    } else if (step.type === "remove") {
      peers.delete(step.publicKey);
    } else {
      const peer = peers.get(step.publicKey) ??
        { ...have([{}]).peers[0]!, publicKey: step.publicKey, allowedIps: [] as string[] };
      peers.set(step.publicKey, peer);
      if (step.endpoint) peer.endpoint = step.endpoint;
      if (step.keepalive !== undefined) peer.keepalive = step.keepalive;
      if (step.allowedIps) {
        for (const other of peers.values()) {
          other.allowedIps = other.allowedIps.filter((p) => !step.allowedIps!.includes(p));
        }
        peer.allowedIps = [...step.allowedIps];
      }
    }
    const held = new Set([...peers.values()].flatMap((p) => p.allowedIps));
    uncovered.push(...always.filter((p) => !held.has(p)));
  }
  return { state: { publicKey, listenPort, peers: [...peers.values()] } satisfies ObservedWireGuard, uncovered };
}

Deno.test("planWireGuard() sets key and port first, then a peer whole in one step", () => {
  const endpoint = { address: "192.0.2.1", port: 7 };
  const steps = planWireGuard(
    want([{ endpoint, allowedIps: ["100.64.0.2/32", "FD00:0::2/128"], keepalive: 25 }]),
    have([], { publicKey: null, listenPort: 40000 }),
  );
  assert.deepEqual(steps, [
    { type: "device", publicKey: SELF, listenPort: 51820 },
    { type: "peer", publicKey: A, endpoint, allowedIps: ["100.64.0.2/32", "fd00::2/128"], keepalive: 25 },
  ]);
});

Deno.test("planWireGuard() has nothing to do when all is there, whatever the spelling", () => {
  const desired = want([{
    endpoint: { address: "2001:DB8:0:0::1", port: 7 },
    allowedIps: ["fd00:0:0::2/128", "10.1.1.7/24"],
    keepalive: 25,
  }], { listenPort: null });
  const observed = have([{
    endpoint: { address: "2001:db8::1", port: 7 },
    allowedIps: ["10.1.1.0/24", "fd00::2/128"],
    keepalive: 25,
  }]);
  assert.deepEqual(planWireGuard(desired, observed), []);
});

Deno.test("planWireGuard() pins an endpoint, or leaves it to WireGuard's roaming", () => {
  const endpoint = { address: "192.0.2.1", port: 7 };
  const roamed = have([{ endpoint: { address: "192.0.2.9", port: 9 } }]);
  const plan = (endpointPolicy: "pin" | "roam", observed: ObservedWireGuard) =>
    planWireGuard(want([{ endpoint, endpointPolicy }]), observed);
  assert.deepEqual(plan("pin", roamed), [{ type: "peer", publicKey: A, endpoint }]);
  assert.deepEqual(plan("roam", roamed), []);
  assert.deepEqual(plan("roam", have([{}])), [{ type: "peer", publicKey: A, endpoint }]);
  assert.deepEqual(planWireGuard(want([{ endpoint: null }]), roamed), []);
});

Deno.test("planWireGuard() rotates a peer's key: the new one takes AllowedIPs with endpoint, the old one stays without", () => {
  const endpoint = { address: "192.0.2.1", port: 7 };
  const observed = have([{ publicKey: A, endpoint, allowedIps: ["100.64.0.2/32"], keepalive: 25 }]);
  const both = want([
    { publicKey: B, endpoint, allowedIps: ["100.64.0.2/32"], keepalive: 25 },
    { publicKey: A, endpointPolicy: "roam", keepalive: 0 },
  ]);
  assert.deepEqual(planWireGuard(both, observed), [
    { type: "peer", publicKey: B, endpoint, allowedIps: ["100.64.0.2/32"], keepalive: 25 },
    { type: "peer", publicKey: A, keepalive: 0 },
  ]);
  const { state } = perform(planWireGuard(both, observed), observed);
  assert.deepEqual(planWireGuard({ ...both, peers: [both.peers[0]!] }, state), [{ type: "remove", publicKey: A }]);
});

Deno.test("planWireGuard() swaps prefixes between peers without a moment in which nobody holds one", () => {
  const observed = have([{ publicKey: A, allowedIps: ["10.1.0.0/16"] }, { publicKey: B, allowedIps: ["10.2.0.0/16"] }]);
  const desired = want([{ publicKey: A, allowedIps: ["10.2.0.0/16"] }, { publicKey: B, allowedIps: ["10.1.0.0/16"] }]);
  const { state, uncovered } = perform(planWireGuard(desired, observed), observed, ["10.1.0.0/16", "10.2.0.0/16"]);
  assert.deepEqual(uncovered, []);
  assert.deepEqual(state.peers.map((p) => p.allowedIps), [["10.2.0.0/16"], ["10.1.0.0/16"]]);
});

Deno.test("planWireGuard() refuses two peers with one key or one prefix", () => {
  assert.throws(() => planWireGuard(want([{}, {}]), have([])), RangeError);
  const shared = ["10.0.0.0/8"];
  assert.throws(
    () => planWireGuard(want([{ allowedIps: shared }, { publicKey: B, allowedIps: shared }]), have([])),
    RangeError,
  );
});

Deno.test("planWireGuard() reaches what is desired from anywhere, loses no prefix on the way, and is then done", () => {
  const keys = [A, B, C];
  const prefixes = Array.from({ length: 6 }, (_, i) => `10.${i}.0.0/16`);
  const owners = fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 6, maxLength: 6 });
  const present = fc.array(fc.boolean(), { minLength: 3, maxLength: 3 });
  const ports = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 3, maxLength: 3 });
  const world = fc.record({ owners, present, ports, keepalive: fc.constantFrom(0, 25) });
  const peers = (w: { owners: number[]; present: boolean[]; ports: number[]; keepalive: number }) =>
    keys.flatMap((publicKey, k) =>
      w.present[k]
        ? [{
          publicKey,
          endpoint: { address: "192.0.2.1", port: w.ports[k]! },
          allowedIps: prefixes.filter((_, i) => w.owners[i] === k),
          keepalive: w.keepalive,
        }]
        : []
    );
  fc.assert(fc.property(world, world, (from, to) => {
    const observed = have(peers(from));
    const desired = want(peers(to));
    const held = (list: readonly { allowedIps: readonly string[] }[]) => list.flatMap((p) => p.allowedIps);
    const always = held(observed.peers).filter((p) => held(desired.peers).includes(p));
    const { state, uncovered } = perform(planWireGuard(desired, observed), observed, always);
    assert.deepEqual(uncovered, []);
    assert.deepEqual(planWireGuard(desired, state), []);
    assert.equal(state.peers.length, desired.peers.length);
  }));
});
