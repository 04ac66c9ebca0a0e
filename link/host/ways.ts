/**
 * This machine's addresses in the network and its routes in table main: those of last resort first, then into the tunnel, and to
 * single hosts past it. Each run is a diff against what is there.
 */
import { contains, type DesiredRoute, type OwnRoutes, planAddresses, planRoutes } from "../core/plan/mod.ts";
import type { RouteUse } from "../core/routes/mod.ts";
import type { IpTool } from "./ip.ts";
import type { LastResort, LastResortEnd } from "./last_resort.ts";
import type { Wanted } from "./wanted.ts";

/** An address as a prefix of its own. */
export function hostPrefix(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

/** See the head of this file. */
export class Ways {
  readonly #o: { ip: IpTool; lastResort: LastResort; mtu: number };
  /** Our routes when the run began; null when it took them on trust. */
  #routes: OwnRoutes | null = null;
  /** What was held, and what was brought about, last. */
  #held = "";
  #brought = "";
  /** There may be routes past the tunnel; also those of a crash. */
  #exempts = true;

  constructor(o: { ip: IpTool; lastResort: LastResort; mtu: number }) {
    this.#o = o;
  }

  /**
   * The first step of a run: what must not leave in clear, before anything changes.
   * @param trust what was held last still is
   */
  async hold(wanted: Wanted, trust: boolean): Promise<void> {
    const { peers, known, foreign, coordinator, outside } = wanted;
    const facts = {
      present: [...ownAddresses(wanted), ...peers.flatMap((peer) => peer.addresses)],
      known,
      foreign,
      outside: [...coordinator, ...outside, ...peers.map((peer) => peer.endpoint.address)],
    };
    const held = JSON.stringify(facts);
    this.#routes = null;
    if (trust && held === this.#held) return;
    this.#routes = await this.#o.ip.routes();
    await this.#o.lastResort.hold(this.#routes, facts);
    this.#held = held;
  }

  /**
   * Addresses, and the routes into the tunnel.
   * @param trust what was brought about last still is there
   */
  async bring(wanted: Wanted, uses: readonly RouteUse[], trust = false): Promise<void> {
    const brought = waysOf(wanted, uses);
    if (trust && brought === this.#brought) return;
    const { ip, lastResort, mtu } = this.#o;
    const addresses = ownAddresses(wanted).map(hostPrefix);
    const changes = planAddresses({ addresses, mtu }, await ip.addresses());
    await ip.apply(changes);
    const carried = uses.filter((use) => use.active).map((use) => use.route.prefix);
    await this.#exempt(wanted, carried);
    await lastResort.settle(carried);
    const prefixes = [...wanted.peers.flatMap((peer) => peer.addresses.map(hostPrefix)), ...carried];
    // With an address that goes, and with a device that comes up, routes have gone.
    const { tunnel } = (changes.length === 0 ? this.#routes : null) ?? await ip.routes();
    await ip.apply(planRoutes(prefixes.map((prefix) => routeWith(prefix, wanted)), tunnel));
    this.#brought = brought;
  }

  /** Gates and the far ends of tunnels within a prefix are still reached as before: by a route of their own past the tunnel. */
  async #exempt(wanted: Wanted, carried: readonly string[]): Promise<void> {
    const ends = [...wanted.outside, ...wanted.peers.map((p) => p.endpoint.address)];
    const inside = [...new Set(ends)].filter((address) => carried.some((prefix) => contains(prefix, address)));
    if (inside.length === 0 && !this.#exempts) return;
    await this.#o.ip.exempt(inside);
    this.#exempts = inside.length > 0;
  }

  /** Routes past the tunnel are taken away, those into it go with its device, and this becomes of those of last resort. */
  async close(end: LastResortEnd): Promise<void> {
    try {
      await this.#o.ip.exempt([]);
    } finally {
      await this.#o.lastResort.close(end);
    }
  }
}

function ownAddresses({ addresses, resolver }: Wanted): string[] {
  return resolver === null ? addresses : [...addresses, resolver];
}

/** All that addresses and routes are made from, as one text to compare. */
function waysOf({ addresses, resolver, outside, peers }: Wanted, uses: readonly RouteUse[]): string {
  const ends = peers.map((peer) => [peer.addresses, peer.endpoint.address]);
  return JSON.stringify([addresses, resolver, outside, ends, uses.map((use) => [use.route.prefix, use.active])]);
}

/** A route whose traffic has this machine's own address, not the resolver's. */
function routeWith(prefix: string, { addresses }: Wanted): DesiredRoute {
  const source = prefix.includes(":") ? undefined : addresses.find((a) => !a.includes(":"));
  return source === undefined ? { prefix } : { prefix, source };
}
