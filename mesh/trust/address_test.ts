import assert from "node:assert/strict";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { toBase32 } from "../wire/encoding.ts";
import { DEFAULT_IPV4, ipv4Counter, ipv4Of, ipv6Of, networkPrefix6 } from "./address.ts";
import { networkIdOf, nodeIdOf } from "./keys.ts";
import { contains, readPrefix } from "./prefix.ts";
import { ghost } from "./testdata/assert.ts";
import { admin, genesis } from "./testdata/network.ts";
import vectors from "./testdata/vectors.json" with { type: "json" };

const arbitraryId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase32);
const arbitraryNet = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toBase32);

Deno.test("ids and addresses are what they always were (testdata/vectors.json)", async () => {
  assert.equal(admin.public, vectors.adminKey);
  assert.equal(await nodeIdOf(admin.public), vectors.nodeId);
  const first = await genesis();
  assert.equal(first, vectors.genesis);
  assert.equal(await networkIdOf(first), vectors.networkId);
  assert.equal(await networkPrefix6(vectors.networkId), vectors.prefix6);
  assert.equal(await ipv6Of(vectors.networkId, vectors.nodeId), vectors.ipv6);
  const ipv4 = [0, 1, 2].map((counter) => ipv4Of(vectors.networkId, vectors.nodeId, counter, DEFAULT_IPV4));
  assert.deepEqual(await Promise.all(ipv4), vectors.ipv4);
});

Deno.test("ipv6Of() stays within the network's /48, in RFC 5952 form", async () => {
  await fc.assert(fc.asyncProperty(arbitraryNet, arbitraryId, async (net, id) => {
    const address = await ipv6Of(net, id);
    assert.equal(ipaddr.parse(address).toString(), address);
    const network = readPrefix(await networkPrefix6(net), { place: "net", code: "bad_input" });
    assert.ok(contains(network, readPrefix(`${address}/128`, { place: "address", code: "bad_input" })));
    assert.match(network.text, /^fd[0-9a-f:]+\/48$/);
  }));
});

Deno.test("ipv4Of() stays within the range and never takes its ends; ipv4Counter() finds it again", async () => {
  const range = fc.tuple(fc.integer({ min: 8, max: 29 }), fc.nat(0xff)).map(([length, n]) => {
    const size = 2 ** (32 - length);
    const base = 0x0a000000 + Math.floor(n * 65536 / size) * size;
    return `${[24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join(".")}/${length}`;
  });
  await fc.assert(fc.asyncProperty(arbitraryNet, arbitraryId, range, async (net, id, prefix) => {
    const outer = readPrefix(prefix, { place: "range", code: "bad_input" });
    for (let counter = 0; counter < 16; counter++) {
      const address = await ipv4Of(net, id, counter, prefix);
      if (address === null) continue;
      assert.ok(contains(outer, readPrefix(`${address}/32`, { place: "address", code: "bad_input" })));
      assert.notEqual(address, outer.address.toString());
      assert.notEqual(address, ipaddr.IPv4.broadcastAddressFromCIDR(prefix).toString());
      const found = await ipv4Counter(net, id, address, prefix);
      assert.ok(found !== null && found <= counter);
    }
  }));
});

Deno.test("ipv4Of() and ipv4Counter() give null where nothing fits", async () => {
  const { networkId, nodeId } = vectors;
  for (const counter of [-1, 16, 0.5, NaN]) {
    assert.equal(await ipv4Of(networkId, nodeId, counter, DEFAULT_IPV4), null);
  }
  for (const address of ["100.64.0.0", "192.0.2.1", "", "0100.64.0.1"]) {
    assert.equal(await ipv4Counter(networkId, nodeId, address, DEFAULT_IPV4), null);
  }
  await assert.rejects(ipv6Of(networkId, "no id"), ghost("bad_input", /^node id: /));
});
