import assert from "node:assert/strict";
import { fits } from "./shape.ts";

Deno.test("fits() takes more fields and null values, and refuses other types", () => {
  const like = { name: "", peers: [{ rtt: 0 }] };
  assert.ok(fits({ name: "a", peers: [], extra: 1 }, like));
  assert.ok(fits({ name: null, peers: [{ rtt: null }, { rtt: 3 }] }, like));
  for (
    const bad of [null, 1, [], {}, { name: 1, peers: [] }, { name: "", peers: {} }, { name: "", peers: [{}] }, {
      name: "",
      peers: null,
    }]
  ) {
    assert.ok(!fits(bad, like), JSON.stringify(bad));
  }
});
