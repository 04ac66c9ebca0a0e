/** Two peers in the simulated internet, as the tests of ICE want them. */
import { seeded, testCrypto } from "../../mesh/wire/stun/testdata/crypto.ts";
import { IcePeer, type PeerOptions, runUntil, stunServer } from "./ice_peer.ts";
import { type Address, Nat, type NatKind, Net, type Weather, World } from "./net.ts";

/** The STUN server of every scene. */
export const SERVER: Address = { address: "203.0.113.1", port: 3479 };
export const CALM: Weather = { delayMs: 10, jitterMs: 2, loss: 0 };

export interface Scene {
  world: World;
  a: IcePeer;
  b: IcePeer;
}

/** The network behind a NAT with this outer address; no kind means no NAT. */
export function behind(world: World, outer: string, kind: NatKind | null, parent = world.internet): Net {
  return kind === null ? parent : new Net(`behind ${outer}`, { nat: new Nat(outer, kind, world.random), parent });
}

/** Two peers, each behind a NAT of its own (null: on the internet), both with the same private address. */
export function scene(
  seed: number,
  o: {
    a: NatKind | null;
    b: NatKind | null;
    weather?: Weather;
    more?: Partial<PeerOptions>;
    roles?: [boolean, boolean];
  },
): Scene {
  const random = seeded(seed);
  const world = new World(random, o.weather ?? CALM);
  stunServer(world, SERVER);
  const crypto = testCrypto(random);
  const make = (name: string, outer: string, kind: NatKind | null, controlling: boolean) => {
    const net = behind(world, outer, kind);
    const address = kind === null ? outer : "10.9.1.2";
    const places = [{ net, address }];
    return new IcePeer(world, SERVER, { name, controlling, places, crypto, signalMs: 30, ...o.more });
  };
  const [forA, forB] = o.roles ?? [true, false];
  return { world, a: make("a", "198.51.100.1", o.a, forA), b: make("b", "198.51.100.2", o.b, forB) };
}

/** Both have selected, and each end's view is the mirror of the other's. */
export function agreed({ a, b }: Scene): boolean {
  const [x, y] = [a.selected, b.selected];
  return x !== null && y !== null && same(x.local, y.remote) && same(y.local, x.remote);
}

/** Whether two transport addresses are one. */
export function same(x: { address: string; port: number }, y: { address: string; port: number }): boolean {
  return x.address === y.address && x.port === y.port;
}

/** What happened, for the message of a test that fails. */
export function story(seed: number, { world, a, b }: Scene): string {
  const tell = (peer: IcePeer) => `${peer.name}: ${JSON.stringify({ log: peer.log, ...peer.snapshot() }, null, 1)}`;
  return `seed ${seed} at ${world.now - 1_000_000} ms\n${tell(a)}\n${tell(b)}`;
}

/** Runs a scene until something holds or the time is over; true when it held. */
export function run(s: Scene, ms: number, until?: () => boolean): boolean {
  return runUntil(s.world, [s.a, s.b], { ms, ...(until ? { until } : {}) });
}

/** Weather of all kinds: 1..60 ms, jitter that reorders, up to 10% loss. */
export function anyWeather(seed: number): Weather {
  const random = seeded(seed ^ 0x5eed);
  return { delayMs: 1 + random() * 60, jitterMs: random() * 40, loss: random() < 0.4 ? 0 : random() * 0.1 };
}
