import assert from "node:assert/strict";
import { isDirect, NAT_NAMES, NATS } from "../../../tests/sim/nats.ts";
import { agreed, anyWeather, run, scene, story } from "../../../tests/sim/scene.ts";

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
