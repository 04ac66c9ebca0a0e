import assert from "node:assert/strict";
import { GateLine } from "../../mesh/client/mod.ts";
import { nodeIdOf, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { signSession, verifySession } from "../../mesh/trust/session.ts";
import { plainGrant } from "../../mesh/trust/testdata/plain.ts";
import type { GhostError } from "../../mesh/wire/errors.ts";
import { FRAME_FIRST, FRAME_HEADER, FRAME_SECOND, frameNodeId } from "../../mesh/wire/gate_session.ts";
import { CLOSE } from "../core/event.ts";
import { random, seconds, TestClient, TestNetwork, type TestNode, until } from "./testing.ts";
import { GateWorld } from "./testing_gate.ts";

Deno.test("a gate welcomes nodes and forwards their signals and packets, all of them", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  const b = await w.join("b");
  assert.deepEqual(a.client.welcome?.head, w.network.ledger.head);
  assert.match(a.client.welcome!.observed, /^127\.0\.0\.1:\d+$/);
  for (let i = 0; i < 50; i++) {
    await a.client.send({ t: "signal", to: b.node.id, box: `s${i}` });
    await a.client.sendPacket(b.node.id, Uint8Array.of(i, 1, 2, 3));
  }
  await until("all packets", () => b.client.packets.length === 50);
  await until("all signals", () => b.client.of("signal").length === 50);
  assert.deepEqual(b.client.packets.map((p) => p[FRAME_HEADER]), Array.from({ length: 50 }, (_, i) => i));
  assert(b.client.packets.every((p) => frameNodeId(p) === a.node.id));
  assert.deepEqual(b.client.of("signal").map((m) => m.box), Array.from({ length: 50 }, (_, i) => `s${i}`));
  assert(b.client.of("signal").every((m) => m.from === a.node.id));
  const counts = w.core.counts();
  assert.deepEqual([counts.sessions, counts.packets, counts.signals, counts.packetsDropped], [2, 50, 50, 0]);
});

Deno.test("a gate cuts a packet in two for a receiver whose path does not carry it yet", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  await until("a wider path", () => a.client.conn.maxDatagramSize >= 1400);
  const b = await w.join("b");
  const packet = random(1312);
  await a.client.sendPacket(b.node.id, packet);
  await until("the packet", () => b.client.packets.length === 2 || b.client.packets[0]?.length === 1312 + FRAME_HEADER);
  const whole = b.client.packets.length === 1
    ? b.client.packets[0]!.subarray(FRAME_HEADER)
    : Uint8Array.from(b.client.packets.flatMap((p) => [...p.subarray(FRAME_HEADER + 2)]));
  if (b.client.packets.length === 2) {
    assert.deepEqual(b.client.packets.map((p) => p[0]), [FRAME_FIRST, FRAME_SECOND]);
  }
  assert.deepEqual([...whole], [...packet]);
});

Deno.test("a gate answers pings and tells of those who come and go", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  const b = await w.network.node("b", w.grant);
  await a.client.send({ t: "ping", n: 7 });
  await until("pong", () => a.client.of("pong").some((m) => m.n === 7));
  await a.client.send({ t: "watch", nodes: [b.id] });
  await until("absence", () => a.client.of("presence").length === 1);
  const client = await TestClient.join(w.gate, b);
  await until("presence", () => a.client.of("presence").length === 2);
  await client.close();
  await until("absence again", () => a.client.of("presence").length === 3);
  assert.deepEqual(a.client.of("presence").map((m) => [m.node, m.up]), [[b.id, false], [b.id, true], [b.id, false]]);
});

Deno.test("a gate reads a control message of any size whole, and those behind it", async () => {
  await using w = await GateWorld.create();
  const [a, b] = [await w.join("a"), await w.join("b")];
  const others = await Promise.all(Array.from({ length: 1_500 }, () => signingKeyFromSeed(random(32))));
  const ids = await Promise.all(others.map((key) => nodeIdOf(key.public)));
  await a.client.send({ t: "watch", nodes: [...ids, b.node.id] });
  await a.client.send({ t: "ping", n: 7 });
  await until("the pong", () => a.client.of("pong")[0]?.n === 7);
  await until("word of all", () => a.client.of("presence").length === 1_501);
  assert.deepEqual(a.client.of("presence").filter((m) => m.up).map((m) => m.node), [b.node.id]);
});

Deno.test("a gate lets a node's newer session replace its older one", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  const again = await TestClient.join(w.gate, a.node);
  w.clients.push(again);
  assert(again.welcome);
  const closed = await until("the older one's end", () => a.client.closed);
  assert.equal(closed.code, CLOSE.replaced);
});

Deno.test("a gate tells TURN credentials to a node's live session, not to one that came to nothing", async () => {
  await using w = await GateWorld.create({ sessions: 1 });
  const first = await w.join("first");
  const { node, client } = await w.join("second");
  assert.equal(client.of("refused")[0]?.code, "too_many"); // its connection stays for a moment
  await first.client.close();
  await until("a free place", () => w.core.counts().sessions === 0);
  const credentials = { username: "u", password: "p", expires: seconds() + 60 };
  assert.equal(w.server.tellTurn(w.network.id, node.id, credentials), false);
  const again = await TestClient.join(w.gate, node);
  w.clients.push(again);
  assert.equal(w.server.tellTurn(w.network.id, node.id, credentials), true);
  await until("the credentials", () => again.of("turn")[0]);
  assert.equal(w.server.tellTurn("b".repeat(32), node.id, credentials), false);
});

Deno.test("a gate refuses nodes that its ledger does not admit, and says why", async () => {
  await using w = await GateWorld.create();
  const other = await TestNetwork.create();
  const now = seconds();
  const stranger = await signingKeyFromSeed(random(32));
  const good = await w.network.node("good", w.grant);
  const expired = await w.network.grant({ expires: now - 60 });
  const revoked = await w.network.grant();
  const late = await w.network.node("late", expired);
  const cut = await w.network.node("cut", revoked);
  await w.network.append("revoke", { what: "grant", key: revoked.public });
  const gates = await w.network.grant({ gate: true });
  for (
    const [why, node, code] of [
      ["another network's node", { ...await other.node("x", await other.grant()), net: w.network.id }, "wrong_network"],
      ["a record by another key", { ...good, key: stranger }, "unauthorized"],
      ["no signature", { ...good, record: good.record.replace(/[^.]*$/, "AAAA") }, "bad_signature"],
      ["an expired record", await w.network.node("x", w.grant, { iat: now - 90, exp: now - 1 }), "bad_record"],
      ["an unknown grant", await w.network.node("x", stranger), "not_admitted"],
      ["a grant for gates", await w.network.node("x", gates), "not_admitted"],
      ["an expired token", late, "token_expired"],
      ["a revoked token", cut, "revoked"],
    ] as const
  ) {
    const client = await TestClient.join(w.gate, node);
    w.clients.push(client);
    assert.equal(client.of("refused")[0]?.code, code, why);
    assert.equal(client.closed, null, "it has time to read");
    // A node closes when it has read why; one that does not is closed.
    if (code !== "not_admitted") await client.close();
    else assert.equal((await until("the end", () => client.closed)).code, CLOSE.refused, why);
  }
  assert.deepEqual([w.core.counts().sessions, w.core.counts().refused], [0, 8]);
});

Deno.test("a gate refuses another network's hello before it signs anything", async () => {
  await using w = await GateWorld.create();
  const other = await TestNetwork.create();
  const node = await other.node("x", await other.grant());
  const client = await TestClient.connect(w.gate);
  w.clients.push(client);
  await assert.rejects(client.hello(w.gate, node), /wrong_network/);
});

Deno.test("a gate asks for newer entries once when it does not know a grant", async () => {
  await using w = await GateWorld.create();
  // The gate's ledger is the network's own here, so a grant that comes while it asks is a newer entry.
  const grant = await signingKeyFromSeed(random(32));
  let asked = 0;
  w.newer = async () => {
    asked++;
    await w.network.append("grant", plainGrant(grant.public));
    return true;
  };
  const { client } = await w.join("new", grant);
  assert(client.welcome);
  assert.equal(asked, 1);
});

Deno.test("a gate refuses a proof that was made for another session", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  const first = await TestClient.connect(w.gate);
  const second = await TestClient.connect(w.gate);
  w.clients.push(first, second);
  const { claims } = await first.hello(w.gate, node);
  const proof = await signSession(claims, node.key);
  await second.hello(w.gate, node);
  await second.send({ t: "auth", record: node.record, proof, head: node.head });
  await until("refusal", () => second.of("refused").length === 1);
  assert.equal(second.of("refused")[0]!.code, "bad_signature");
  await first.send({ t: "auth", record: node.record, proof, head: node.head });
  await until("welcome", () => first.of("welcome").length === 1);
});

Deno.test("a node sees through a gate that relays another gate's challenge", async () => {
  await using real = await GateWorld.create();
  await using fake = await GateWorld.create();
  const node = await real.network.node("a", real.grant);
  const client = await TestClient.connect(real.gate);
  real.clients.push(client);
  const { challenge, claims } = await client.hello(real.gate, node);
  // The impostor shows its own certificate, so that is the hash that the node expects to be signed.
  await assert.rejects(
    verifySession(challenge.proof, { ...claims, role: "gate", cert: fake.gate.cert }, real.gate.key),
    { code: "bad_signature" },
  );
  // And the certificate itself is pinned: the handshake does not even complete.
  await assert.rejects(TestClient.connect({ ...fake.gate, cert: real.gate.cert }));
});

Deno.test("a gate takes entries that an admin hands over without a session, and from nobody else", async () => {
  await using w = await GateWorld.create();
  const { ledger, admin } = w.network;
  const ahead = await w.network.copy();
  const entries: string[] = [];
  for (let i = 0; i < 3; i++) {
    entries.push(await ahead.append("revoke", { what: "node", key: (await signingKeyFromSeed(random(32))).public }));
  }
  const gate = {
    key: w.gate.key,
    record: { name: "gate", quic: w.gate.port, stun: w.gate.stun, cert: w.gate.cert },
  } as VerifiedGate;
  const hand = (key: SigningKey, given: string[], proof?: string) =>
    GateLine.open({ gate, host: "127.0.0.1", net: w.network.id, key, random, timeout: 5_000 }, async (line) => {
      await line.send({ t: "hand", proof: proof ?? line.proof, entries: given });
      const { head } = await line.expect("handed");
      line.close();
      return head.seq;
    });
  const before = ledger.head.seq;
  const code = (wanted: string) => (error: unknown) => (error as GhostError).code === wanted;
  await assert.rejects(hand(await signingKeyFromSeed(random(32)), entries), code("forbidden"));
  await assert.rejects(hand(w.grant, entries), code("forbidden"));
  await assert.rejects(hand(admin, entries, "a.b.c"), code("bad_signature"));
  assert.equal(ledger.head.seq, before);
  assert.equal(await hand(admin, entries.slice(1)), before, "what comes before is missing, and the head says so");
  assert.equal(await hand(admin, entries), before + 3);
  assert.equal(await hand(admin, entries), before + 3);
  assert.equal(w.core.counts().sessions, 0);
});

Deno.test("a gate cuts the sessions of what is revoked, at once", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  const b = await w.join("b");
  await w.network.append("revoke", { what: "node", key: a.node.key.public });
  w.server.handle({ t: "revoked", net: w.network.id, key: a.node.key.public });
  w.head();
  assert.equal((await until("the end", () => a.client.closed)).code, CLOSE.cut);
  await until("the new head", () => b.client.of("head").some((m) => m.head.seq === w.network.ledger.head.seq));
  const again = await TestClient.join(w.gate, a.node);
  w.clients.push(again);
  assert.equal(again.of("refused")[0]?.code, "revoked");
  assert.equal(b.client.closed, null);
});

Deno.test("a gate cuts sessions whose record no longer holds against a longer ledger", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  const b = await w.join("b");
  await w.network.append("node", { node: a.node.id, expires: seconds() - 1 });
  await w.server.recheckAll();
  assert.equal((await until("the end", () => a.client.closed)).code, CLOSE.cut);
  assert.equal(b.client.closed, null);
});

Deno.test("a gate ends sessions when their membership does, also when that was cut short meanwhile", async () => {
  await using w = await GateWorld.create();
  const [a, b] = [await w.join("a"), await w.join("b")];
  const ends = (node: TestNode) => w.core.memberOf(w.core.connOf(w.network.id, node.id)!)!.expires;
  const [before, end] = [ends(b.node), seconds() + 1_000];
  await w.network.append("node", { node: a.node.id, expires: end });
  const held = await w.server.recheckAll();
  assert.deepEqual([ends(a.node), ends(b.node)], [end, before]);
  assert.deepEqual([...held.keys()].sort(), [a.node.record, b.node.record].sort());
  assert.equal(held.get(a.node.record)!.expires, end);
});

Deno.test("a gate bounds strangers: those who say nothing, say nonsense, or come in crowds", async () => {
  await using w = await GateWorld.create({ authTime: 200, unprovedPerSource: 3 });
  const crowd: TestClient[] = [];
  for (let i = 0; i < 4; i++) crowd.push(await TestClient.connect(w.gate));
  w.clients.push(...crowd);
  assert.equal((await until("the fourth's end", () => crowd[3]!.closed)).code, CLOSE.crowded);
  for (const client of crowd.slice(0, 3)) {
    assert.equal((await until("an end", () => client.closed)).code, CLOSE.timeout);
  }
  const rude = await TestClient.connect(w.gate);
  w.clients.push(rude);
  await rude.send({ t: "nonsense" } as never);
  assert.equal((await until("its end", () => rude.closed)).code, CLOSE.protocol);
  await until("nobody left", () => w.core.counts().unproved === 0);
});

Deno.test("a gate notices a node that is gone without a word", async () => {
  await using w = await GateWorld.create({}, { idle: 500 });
  const watcher = await w.join("watcher");
  const gone = await w.network.node("gone", w.grant);
  const client = await TestClient.join(w.gate, gone, { keepAlive: false });
  w.clients.push(client);
  await watcher.client.send({ t: "watch", nodes: [gone.id] });
  await until("presence", () => watcher.client.of("presence").some((m) => m.up));
  await until("absence", () => watcher.client.of("presence").some((m) => !m.up));
  assert.equal(w.core.counts().sessions, 1);
});

Deno.test("a gate that stops tells its sessions", async () => {
  const w = await GateWorld.create();
  try {
    const a = await w.join("a");
    await w.server.close();
    assert.equal((await until("the end", () => a.client.closed)).code, CLOSE.shutdown);
  } finally {
    await w[Symbol.asyncDispose]();
  }
});

Deno.test("a gate has no session for those whose way in the policy has closed", async () => {
  await using w = await GateWorld.create();
  const a = await w.join("a");
  assert(a.client.welcome);
  await w.network.append("policy", { format: "toml", source: "admit = []\n" });
  await w.server.recheckAll();
  assert.equal((await until("the end", () => a.client.closed)).code, CLOSE.cut);
  assert.equal((await w.join("b")).client.of("refused")[0]?.code, "not_admitted");
  // Of a policy that cannot be read, the one before stays in force.
  await w.network.append("policy", { format: "toml", source: "[[[" });
  assert.equal((await w.join("c")).client.of("refused")[0]?.code, "not_admitted");
  await w.network.append("policy", { format: "toml", source: '[[admit]]\nmethod = "static"\n' });
  assert((await w.join("d")).client.welcome);
});
