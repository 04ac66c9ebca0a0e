/** Row 25: our own names through our own resolver. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="@types/dns-packet"
import { decode, encode } from "dns-packet";
import { createLog } from "../../mesh/host/log.ts";
import { serversFor } from "../../link/core/dns/mod.ts";
import { Names } from "../../link/host/dns/names.ts";
import { random } from "../../link/host/random.ts";

/** Code and first address of the answer to a question for an IPv4 address. */
async function ask(names: Names, name: string) {
  const query = encode({ type: "query", id: 1, questions: [{ type: "A", name, class: "IN" }] });
  const answer = await names.respond(new Uint8Array(query), { tcp: false });
  const packet = decode(Buffer.from(answer!.reply));
  const [first] = packet.answers!;
  return [(packet as { rcode?: string }).rcode, first && "data" in first ? first.data : null];
}

Deno.test("row 25: the names of gates and the coordinator are answered by neither the network nor a server behind the tunnel", async () => {
  const source = {
    suffix: "home.ghost",
    hosts: [{ name: "mesh", ipv4: "100.64.0.9", ipv6: "fd00::9" }, {
      name: "bob",
      ipv4: "100.64.0.2",
      ipv6: "fd00::2",
    }],
    ranges: ["100.64.0.0/10"],
    // A machine called "mesh" would take the coordinator's name over.
    own: ["mesh.home.ghost", "gate.corp.example"],
    // A server behind the tunnel: it would be asked if the gate's name were anybody's.
    settings: { upstreams: ["127.0.0.2"], split: [{ domain: "corp.example", servers: ["127.0.0.1"] }], search: [] },
  };
  const names = new Names({
    way: () => Promise.reject(new Error("nothing on this machine is changed")),
    iface: "ghost0",
    stateDir: "/nonexistent",
    address: null,
    log: createLog("test", { level: "error" }),
    random,
    isLocal: () => Promise.resolve(true),
    source: () => source,
  });
  assert.deepEqual(await ask(names, "bob.home.ghost"), ["NOERROR", "100.64.0.2"]);
  // Nobody to ask here, so a failure: neither the machine's address nor a question to the server behind the tunnel.
  assert.deepEqual(await ask(names, "mesh.home.ghost"), ["SERVFAIL", null]);
  assert.deepEqual(await ask(names, "Gate.Corp.Example"), ["SERVFAIL", null]);
  const { own, settings: { split, upstreams } } = source;
  const asked = (name: string) => serversFor(name, { own, split, upstreams, system: ["192.0.2.1"] });
  assert.deepEqual([asked("Gate.Corp.Example"), asked("x.corp.example")], [["192.0.2.1"], ["127.0.0.1"]]);
});
