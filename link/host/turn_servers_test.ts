import assert from "node:assert/strict";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { choicesOf, inOrder, mayDial, namedServer } from "./turn_servers.ts";

Deno.test("attack: mayDial() lets no gate send this machine to itself, its link, or the overlay", () => {
  const overlay = (address: string) => address === "100.64.0.9";
  const never = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1"];
  for (const address of [...never, "255.255.255.255", "ff02::1", "100.64.0.9", "localhost", ""]) {
    assert.equal(mayDial(address, overlay), false, address);
  }
  for (const address of ["203.0.113.20", "192.168.1.5", "2001:db8::1"]) assert.ok(mayDial(address, overlay), address);
});

Deno.test("choicesOf() takes UDP by one family, TLS and TCP by each, and nothing where the gate has no TURN", () => {
  const gate = (turn: unknown) => ({ id: "g", name: "gate1", record: { cert: "c", turn } }) as unknown as VerifiedGate;
  const credentials = () => Promise.resolve({ username: "u", password: "p" });
  const both = ["2001:db8::1", "203.0.113.20"];
  const texts = (g: VerifiedGate, addresses = both, ipv4 = true) =>
    choicesOf(g, { addresses, ipv4, credentials }).map(({ server, family }) =>
      `${server.transport} ${server.host} ${server.port} ${server.cert ?? ""} ${family ?? ""}`.trim()
    );
  assert.deepEqual(texts(gate({ port: 3480, tls: 443 })), [
    "udp 203.0.113.20 3480",
    "tls 203.0.113.20 443 c",
    "tls 2001:db8::1 443 c",
    "tcp 203.0.113.20 3480",
    "tcp 2001:db8::1 3480",
  ]);
  // By IPv6, for an address of IPv4 where the gate has one.
  assert.deepEqual(texts(gate({ port: 1 }), ["2001:db8::1"]), ["udp 2001:db8::1 1", "tcp 2001:db8::1 1"]);
  assert.deepEqual(texts(gate({ port: 1 }), ["2001:db8::1"], false), ["udp 2001:db8::1 1  6", "tcp 2001:db8::1 1  6"]);
  assert.deepEqual(texts(gate(undefined)), []);
  assert.deepEqual(texts(gate({ port: 1, tls: 2 }), []), []);
});

Deno.test("inOrder() takes the gate of the peer's address, then those with IPv4, and of each kind those with a session", () => {
  const gate = (id: string, ipv4: boolean, session: boolean) => ({ id, ipv4, session });
  const gates = [
    gate("six", false, true),
    gate("far", true, false),
    gate("peer", false, false),
    gate("near", true, true),
  ];
  assert.deepEqual(inOrder(gates, "peer").map(({ id }) => id), ["peer", "near", "far", "six"]);
  assert.deepEqual(inOrder(gates, null).map(({ id }) => id), ["near", "far", "six", "peer"]);
});

Deno.test("namedServer() reads RFC 7065's forms and refuses others, and passwords that others may read", async () => {
  const dir = await Deno.makeTempDir();
  const file = `${dir}/password`;
  await Deno.writeTextFile(file, "secret\nrest\n", { mode: 0o600 });
  const read = async (url: string, path = file) => {
    const { transports, credentials } = await namedServer({ url, username: "me", password_file: path });
    assert.deepEqual(credentials, { username: "me", password: "secret" });
    return transports.map(({ transport, host, port }) => `${transport} ${host} ${port}`);
  };
  try {
    assert.deepEqual(await read("turn:turn.example.com"), ["udp turn.example.com 3478", "tcp turn.example.com 3478"]);
    assert.deepEqual(await read("turn:192.0.2.1:99?transport=tcp"), ["tcp 192.0.2.1 99"]);
    assert.deepEqual(await read("turns:[2001:db8::1]:443"), ["tls 2001:db8::1 443"]);
    for (
      const url of ["stun:a", "turn:", "turn:a b", "turn:a:0", "turn:a:70000", "turns:a?transport=udp", "turn://a"]
    ) {
      await assert.rejects(read(url), { code: "bad_config", message: /Not a TURN server/ }, url);
    }
    await assert.rejects(read("turn:a", `${dir}/none`), { code: "bad_config", message: /Cannot read/ });
    await Deno.chmod(file, 0o644);
    await assert.rejects(read("turn:a"), { code: "bad_config", message: "Others may read the password" });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
