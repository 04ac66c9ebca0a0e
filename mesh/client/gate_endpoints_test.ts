import assert from "node:assert/strict";
import { type Anywhere, Endpoints } from "./gate_endpoints.ts";

function pool() {
  const clock = { now: 0 };
  const made: string[] = [];
  const make = (hostname: Anywhere) => `${hostname} ${made.push(hostname)}`;
  return { clock, made, endpoints: new Endpoints<string>({ make, now: () => clock.now }) };
}

Deno.test("Endpoints uses a socket again when it has rested, for its own family", () => {
  const { clock, endpoints } = pool();
  const first = endpoints.take("0.0.0.0");
  endpoints.rest("0.0.0.0", first);
  clock.now = 199_999;
  const second = endpoints.take("0.0.0.0");
  assert.notEqual(second, first);
  clock.now = 200_000;
  assert.equal(endpoints.take("::"), ":: 3");
  assert.equal(endpoints.take("0.0.0.0"), first);
  assert.notEqual(endpoints.take("0.0.0.0"), second, "it is in use");
});

Deno.test("Endpoints makes few sockets for a gate that is dialled in vain for days, however fast", () => {
  for (const [every, most] of [[13_000, 17], [10, 33]] as const) {
    const { clock, made, endpoints } = pool();
    for (let n = 0; n < 20_000; n++) {
      const one = endpoints.take("0.0.0.0");
      clock.now += every;
      endpoints.rest("0.0.0.0", one);
    }
    assert.ok(made.length <= most, `${made.length} sockets`);
  }
});
