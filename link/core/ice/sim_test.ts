import assert from "node:assert/strict";
import { seeded, testCrypto } from "../stun/testdata/crypto.ts";
import { IcePeer, type PeerOptions, runUntil, stunServer } from "../../../tests/sim/ice_peer.ts";
import { isDirect, NAT_NAMES, NATS } from "../../../tests/sim/nats.ts";
import { Nat, type NatKind, Net, type Weather, World } from "../../../tests/sim/net.ts";

const SERVER = { address: "203.0.113.1", port: 3479 };
const CALM: Weather = { delayMs: 10, jitterMs: 2, loss: 0 };

interface Scene {
  world: World;
  a: IcePeer;
  b: IcePeer;
}

function behind(world: World, outer: string, kind: NatKind | null, parent = world.internet): Net {
  return kind === null ? parent : new Net(`behind ${outer}`, { nat: new Nat(outer, kind, world.random), parent });
}

/** Two peers, each behind a NAT of its own (null: on the internet), both with the same private address. */
function scene(
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
function agreed({ a, b }: Scene): boolean {
  const [x, y] = [a.selected, b.selected];
  return x !== null && y !== null && same(x.local, y.remote) && same(y.local, x.remote);
}

function same(x: { address: string; port: number }, y: { address: string; port: number }): boolean {
  return x.address === y.address && x.port === y.port;
}

function story(seed: number, { world, a, b }: Scene): string {
  const tell = (peer: IcePeer) => `${peer.name}: ${JSON.stringify({ log: peer.log, ...peer.snapshot() }, null, 1)}`;
  return `seed ${seed} at ${world.now - 1_000_000} ms\n${tell(a)}\n${tell(b)}`;
}

function run(s: Scene, ms: number, until?: () => boolean): boolean {
  return runUntil(s.world, [s.a, s.b], { ms, ...(until ? { until } : {}) });
}

/** Weather of all kinds: 1..60 ms, jitter that reorders, up to 10% loss. */
function anyWeather(seed: number): Weather {
  const random = seeded(seed ^ 0x5eed);
  return { delayMs: 1 + random() * 60, jitterMs: random() * 40, loss: random() < 0.4 ? 0 : random() * 0.1 };
}

const SEEDS_A_CELL = 6;

for (const x of NAT_NAMES) {
  Deno.test(`IceAgent behind ${x} is direct with every kind that theory allows, and with no other`, () => {
    for (const [i, y] of NAT_NAMES.entries()) {
      for (let n = 0; n < SEEDS_A_CELL; n++) {
        const seed = (NAT_NAMES.indexOf(x) * NAT_NAMES.length + i) * 1000 + n;
        const s = scene(seed, { a: NATS[x], b: NATS[y], weather: anyWeather(seed), more: { blind: n % 2 === 1 } });
        s.a.start(s.b);
        if (n % 3 === 0) s.b.start(s.a);
        else s.b.listen(s.a);
        const cell = (why: string) => `${x} with ${y}: ${why}; ${story(seed, s)}`;
        if (isDirect(x, y)) {
          assert.ok(run(s, 10_000, () => agreed(s)), cell("not direct"));
          run(s, 12_000);
          assert.ok(agreed(s), cell("did not stay direct"));
          assert.equal(s.a.lost + s.b.lost, 0, cell("lost consent"));
        } else {
          const selected = () => s.a.selected !== null || s.b.selected !== null;
          assert.ok(!run(s, 25_000, selected), cell("selected"));
          assert.ok(s.a.failed === 1 && s.b.failed === 1, cell("did not say that it failed"));
          assert.ok(s.world.sent < 400, cell(`sent ${s.world.sent} packets`));
        }
      }
    }
  });
}
