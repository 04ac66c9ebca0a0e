/**
 * The steps from the WireGuard interface that is there to the one that should be, in an order that loses nothing:
 *
 * 1. the device (private key before peers: its own packets of the old key are still decrypted);
 * 2. peers that gain something, endpoint, AllowedIPs and keepalive in one step. WireGuard moves a prefix that another peer
 *    holds in that same step, so it is never without an owner;
 * 3. peers that only lose AllowedIPs which nobody else took;
 * 4. removals.
 */
import { canonicalAddress, canonicalPrefix } from "./prefix.ts";
import type { DesiredPeer, DesiredWireGuard, Endpoint, ObservedPeer, ObservedWireGuard, WgStep } from "./state.ts";

/**
 * Plans the change of a WireGuard interface.
 * @throws RangeError when two desired peers share a key or a prefix
 */
export function planWireGuard(desired: DesiredWireGuard, observed: ObservedWireGuard): WgStep[] {
  const takers = ownersWanted(desired.peers);
  const steps: WgStep[] = [];
  const device = planDevice(desired, observed);
  if (device) steps.push(device);

  const there = new Map(observed.peers.map((p) => [p.publicKey, p]));
  const wanted = new Set(desired.peers.map((p) => p.publicKey));
  const owners = new Owners(observed.peers);
  for (const peer of desired.peers) {
    const old = there.get(peer.publicKey);
    const want = new Set(peer.allowedIps.map(canonicalPrefix));
    const has = owners.of(peer.publicKey);
    const gains = [...want].some((prefix) => !has.has(prefix));
    // What somebody else is to get stays with it until that peer's own step takes it.
    const keep = gains ? new Set([...want, ...[...has].filter((prefix) => takers.has(prefix))]) : null;
    const step = planPeer(peer, old, keep);
    if (step) steps.push(step);
    if (keep) owners.give(peer.publicKey, keep);
  }
  for (const peer of desired.peers) {
    const want = new Set(peer.allowedIps.map(canonicalPrefix));
    if (same(owners.of(peer.publicKey), want)) continue;
    steps.push({ type: "peer", publicKey: peer.publicKey, allowedIps: [...want] });
  }
  for (const peer of observed.peers) {
    if (!wanted.has(peer.publicKey)) steps.push({ type: "remove", publicKey: peer.publicKey });
  }
  return steps;
}

function planDevice(desired: DesiredWireGuard, observed: ObservedWireGuard): WgStep | null {
  const step: Extract<WgStep, { type: "device" }> = { type: "device" };
  if (desired.publicKey !== observed.publicKey) step.publicKey = desired.publicKey;
  if (desired.listenPort !== null && desired.listenPort !== observed.listenPort) step.listenPort = desired.listenPort;
  if (desired.fwmark !== undefined && desired.fwmark !== observed.fwmark) step.fwmark = desired.fwmark;
  return Object.keys(step).length === 1 ? null : step;
}

function planPeer(
  peer: DesiredPeer,
  old: ObservedPeer | undefined,
  allowedIps: ReadonlySet<string> | null,
): WgStep | null {
  const step: Extract<WgStep, { type: "peer" }> = { type: "peer", publicKey: peer.publicKey };
  if (peer.endpoint && setsEndpoint(peer, old)) step.endpoint = peer.endpoint;
  if (allowedIps) step.allowedIps = [...allowedIps];
  if ((old?.keepalive ?? 0) !== peer.keepalive) step.keepalive = peer.keepalive;
  const changes = step.endpoint !== undefined || step.allowedIps !== undefined || step.keepalive !== undefined;
  return old && !changes ? null : step;
}

function setsEndpoint(peer: DesiredPeer, old: ObservedPeer | undefined): boolean {
  if (!old?.endpoint) return true;
  return peer.endpointPolicy === "pin" && !sameEndpoint(peer.endpoint!, old.endpoint);
}

/** True when both name the same address and port. */
function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && canonicalAddress(a.address) === canonicalAddress(b.address);
}

/** Who holds each prefix while the steps are applied: WireGuard's own rule, one owner a prefix. */
class Owners {
  readonly #owner = new Map<string, string>();
  readonly #held = new Map<string, Set<string>>();

  constructor(peers: readonly ObservedPeer[]) {
    for (const peer of peers) this.give(peer.publicKey, new Set(peer.allowedIps.map(canonicalPrefix)));
  }

  of(peer: string): ReadonlySet<string> {
    return this.#held.get(peer) ?? new Set();
  }

  give(peer: string, prefixes: Set<string>): void {
    for (const prefix of prefixes) {
      const owner = this.#owner.get(prefix);
      if (owner !== undefined && owner !== peer) this.#held.get(owner)?.delete(prefix);
      this.#owner.set(prefix, peer);
    }
    this.#held.set(peer, new Set(prefixes));
  }
}

function same(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((x) => b.has(x));
}

/** The peer that is to hold each prefix. */
function ownersWanted(peers: readonly DesiredPeer[]): Map<string, string> {
  const keys = new Set<string>();
  const takers = new Map<string, string>();
  for (const { publicKey, allowedIps } of peers) {
    if (keys.has(publicKey)) throw new RangeError(`Two peers with the key ${publicKey}`);
    keys.add(publicKey);
    for (const prefix of allowedIps.map(canonicalPrefix)) {
      if ((takers.get(prefix) ?? publicKey) !== publicKey) throw new RangeError(`Two peers with the prefix ${prefix}`);
      takers.set(prefix, publicKey);
    }
  }
  return takers;
}
