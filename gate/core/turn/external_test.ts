import assert from "node:assert/strict";
import { externalAddresses } from "./external.ts";

Deno.test("an advertised address that no interface has stands for the only own one of its family", () => {
  assert.deepEqual(externalAddresses({ advertised: ["203.0.113.9"], own: ["10.0.0.5", "2001:db8::5"] }), {
    known: [{ public: "203.0.113.9", own: "10.0.0.5" }],
    unclear: [],
  });
  assert.deepEqual(
    externalAddresses({ advertised: ["203.0.113.9", "2001:DB8::5", "203.0.113.9"], own: ["10.0.0.5", "2001:db8::5"] }),
    { known: [{ public: "203.0.113.9", own: "10.0.0.5" }], unclear: [] },
  );
});

Deno.test("without a NAT there is nothing to be told", () => {
  for (const advertised of [[], ["203.0.113.9"], ["203.0.113.9", "203.0.113.10"]]) {
    const own = ["203.0.113.9", "203.0.113.10"];
    assert.deepEqual(externalAddresses({ advertised, own }), { known: [], unclear: [] });
  }
  assert.deepEqual(externalAddresses({ advertised: ["2001:db8::9"], own: ["203.0.113.9"] }), {
    known: [],
    unclear: [],
  });
});

Deno.test("two own addresses, or two others, cannot be told apart", () => {
  const two = { advertised: ["203.0.113.9"], own: ["10.0.0.5", "10.0.0.6"] };
  assert.deepEqual(externalAddresses(two), { known: [], unclear: ["203.0.113.9"] });
  const others = { advertised: ["203.0.113.9", "203.0.113.8"], own: ["10.0.0.5"] };
  assert.deepEqual(externalAddresses(others), { known: [], unclear: ["203.0.113.9", "203.0.113.8"] });
});
