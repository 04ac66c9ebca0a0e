import assert from "node:assert/strict";
import { SeenOutside, ToldCandidates } from "./told_candidates.ts";

const place = (type: string, port: number) => ({ type, address: "192.0.2.1", port });

Deno.test("ToldCandidates tells what has gone and what is new, each once", () => {
  const told = new ToldCandidates();
  const [host, before, after] = [place("host", 1), place("srflx", 2), place("srflx", 3)];
  assert.deepEqual(told.update([host, before]), { gone: [], added: [host, before] });
  assert.deepEqual(told.update([host, before]), { gone: [], added: [] });
  assert.deepEqual(told.update([host, after]), { gone: [before], added: [after] });
  told.clear();
  assert.deepEqual(told.update([host]), { gone: [], added: [host] });
});

Deno.test("SeenOutside knows a new place of a NAT's from the first one, from a known one and from what is behind it", () => {
  const seen = new SeenOutside();
  assert.ok(!seen.add([place("host", 1)]));
  assert.ok(!seen.add([place("srflx", 2)]));
  assert.ok(!seen.add([place("host", 3), place("srflx", 2)]));
  assert.ok(seen.add([place("srflx", 4)]));
  assert.ok(!seen.add([place("srflx", 2), place("srflx", 4)]));
});
