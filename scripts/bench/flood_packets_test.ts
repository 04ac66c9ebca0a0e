import assert from "node:assert/strict";
import { MIN_REQUEST } from "../../gate/core/turn/ingress.ts";
import { decodeStun, isStun } from "../../mesh/wire/stun/mod.ts";
import { decodeLaneRequest } from "../../mesh/wire/lane.ts";
import { PACKETS } from "./flood_packets.ts";

const make = (name: string) => PACKETS[name]!.make();

Deno.test("PACKETS are what their names say, as far as a gate reads strangers' packets", async () => {
  for (const { prepare } of Object.values(PACKETS)) await prepare?.();
  assert.deepEqual([decodeStun(make("STUN requests")).class, decodeStun(make("STUN requests")).method], ["request", 1]);
  for (const name of ["TURN allocations", "TURN, wrong credentials"]) {
    const bytes = make(name);
    assert.ok(isStun(bytes) && bytes.length >= MIN_REQUEST, `${name}: ${bytes.length} bytes`);
    assert.equal(decodeStun(bytes).method, 3);
  }
  assert.equal(decodeLaneRequest(make("lane proofs, wrong token"))?.port, PACKETS["lane proofs, wrong token"]!.port);
  for (const name of ["into a closed port", "QUIC hellos", "QUIC Initials", "QUIC of another version"]) {
    const bytes = make(name);
    assert.equal(bytes.length, 1_200);
    assert.equal(bytes[0]! & 0xc0, 0xc0); // a long header
  }
});
