import assert from "node:assert/strict";
import fc from "fast-check";
import { addressOfReverse, canonicalName, reverseZones } from "./names.ts";
import { isOurs, parseResolvConf, renderResolvConf } from "./resolv_conf.ts";
import { serversFor } from "./upstreams.ts";
import { Zone } from "./zone.ts";

const RANGES = ["100.64.0.0/10", "fd12:3456:789a::/48"];
const ZONE = new Zone({
  suffix: "home.ghost",
  hosts: [
    { name: "alice", ipv4: "100.64.0.1", ipv6: "fd12:3456:789a::1" },
    { name: "bob", ipv4: null, ipv6: "fd12:3456:789a::2" },
  ],
  ranges: RANGES,
});

Deno.test("Zone.answer() knows names, addresses backwards, and which names do not exist", () => {
  const ask = (name: string, type: string) => ZONE.answer({ name, type });
  assert.deepEqual(ask("Alice.HOME.ghost.", "A")?.records, [{ type: "A", data: "100.64.0.1" }]);
  assert.deepEqual(ask("alice.home.ghost", "AAAA")?.records, [{ type: "AAAA", data: "fd12:3456:789a::1" }]);
  assert.deepEqual(ask("bob.home.ghost", "A"), { exists: true, zone: "home.ghost", records: [] });
  assert.equal(ask("alice.home.ghost", "MX")?.exists, true);
  assert.equal(ask("carol.home.ghost", "A")?.exists, false);
  assert.equal(ask("x.alice.home.ghost", "A")?.exists, false);
  assert.equal(ask("home.ghost", "A")?.exists, true);
  assert.deepEqual(ask("1.0.64.100.in-addr.arpa", "PTR")?.records, [{ type: "PTR", data: "alice.home.ghost" }]);
  assert.equal(ask("9.0.64.100.in-addr.arpa", "PTR")?.exists, false);
  assert.equal(ask("example.com", "A"), null);
  assert.equal(ask("nothome.ghost", "A"), null);
  assert.equal(ask("1.1.168.192.in-addr.arpa", "PTR"), null);
});

Deno.test("addressOfReverse() reads both families and nothing else", () => {
  const six = `${"2".padEnd(20, "0").split("").join(".")}.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa`;
  assert.equal(addressOfReverse(six), "fd12:3456:789a::2");
  for (const name of ["1.0.64.in-addr.arpa", "300.0.64.100.in-addr.arpa", "x.in-addr.arpa", "01.0.0.0.in-addr.arpa"]) {
    assert.equal(addressOfReverse(name), null, name);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    for (const end of ["", ".in-addr.arpa", ".ip6.arpa"]) addressOfReverse(canonicalName(text + end));
  }));
});

Deno.test("reverseZones() covers a prefix at whole octets and nibbles", () => {
  const zones = reverseZones("100.64.0.0/10");
  assert.deepEqual([zones.length, zones[0], zones.at(-1)], [64, "64.100.in-addr.arpa", "127.100.in-addr.arpa"]);
  assert.deepEqual(reverseZones("10.1.1.0/24"), ["1.1.10.in-addr.arpa"]);
  assert.deepEqual(reverseZones("fd12:3456:789a::/48"), ["a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa"]);
});

Deno.test("serversFor() takes the longest domain, and the machine's own servers for our own names", () => {
  const split = [{ domain: "corp.example", servers: ["10.0.0.1"] }, {
    domain: "b.corp.example",
    servers: ["10.0.0.2"],
  }];
  const o = { split, upstreams: [], system: ["192.0.2.1"], own: ["gate.corp.example"] };
  assert.deepEqual(serversFor("a.CORP.example.", o), ["10.0.0.1"]);
  assert.deepEqual(serversFor("a.b.corp.example", o), ["10.0.0.2"]);
  assert.deepEqual(serversFor("xcorp.example", o), ["192.0.2.1"]);
  assert.deepEqual(serversFor("Gate.Corp.Example", o), ["192.0.2.1"]);
});

Deno.test("renderResolvConf() keeps search domains and options, and is known again", () => {
  const before = "# dhcp\nnameserver 192.0.2.1\nnameserver nonsense\nsearch lan\noptions edns0\n";
  assert.deepEqual(parseResolvConf(before), { nameservers: ["192.0.2.1"], search: ["lan"], options: ["edns0"] });
  const ours = renderResolvConf(before, { server: "100.127.255.254", search: ["home.ghost"] });
  assert.ok(isOurs(ours) && !isOurs(before));
  assert.deepEqual(parseResolvConf(ours), {
    nameservers: ["100.127.255.254"],
    search: ["home.ghost", "lan"],
    options: ["edns0"],
  });
});
