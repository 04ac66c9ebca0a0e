/**
 * Rows 12 and 16: what is sent again to a gate, or in floods, by somebody who can capture and send datagrams. The gate is the real
 * one with its sockets, on the loopback.
 */
import assert from "node:assert/strict";
import { DEBT_LIMITS } from "../../gate/core/stun_debt.ts";
import { StunServer } from "../../gate/host/stun.ts";
import { random, TestClient, until } from "../../gate/host/testing.ts";
import { GateWorld, hmacSha256 } from "../../gate/host/testing_gate.ts";
import { Signals } from "../../link/host/signals.ts";
import { boxer } from "../../mesh/trust/testdata/network.ts";
import { fromBase64Url } from "../../mesh/wire/encoding.ts";
import { GATE_ALPN, nodeIdBytes } from "../../mesh/wire/gate_session.ts";
import { GATE_SERVER_NAME, nameOfTicket } from "../../mesh/wire/gate_ticket.ts";
import { TICKET_LENGTH } from "../../mesh/wire/stun/mod.ts";
import { askTicket } from "../../mesh/client/mod.ts";
import { makeInitials } from "../../scripts/lab/initials.ts";
import { decodeLaneAnswer, encodeLaneRequest, laneTransaction } from "../../mesh/wire/lane.ts";
import { toBase32 } from "../../mesh/wire/encoding.ts";
import { Tap } from "./tap.ts";

const LOOPBACK = { transport: "udp" as const, hostname: "127.0.0.1" };

function socket(): Deno.DatagramConn {
  return Deno.listenDatagram({ ...LOOPBACK, port: 0 });
}

const portOf = (s: Deno.DatagramConn) => (s.addr as Deno.NetAddr).port;

Deno.test("row 12: a session's datagrams and messages that are sent to the gate again reach nobody", async () => {
  await using w = await GateWorld.create();
  const b = await w.join("b");
  using tap = new Tap(w.gate.port);
  const node = await w.network.node("a", w.grant);
  const a = await TestClient.join({ ...w.gate, port: tap.port }, node);
  const say = async (n: number) => {
    await a.sendPacket(b.node.id, Uint8Array.of(n));
    await a.send({ t: "signal", to: b.node.id, box: `s${n}` });
  };
  for (let n = 0; n < 20; n++) await say(n);
  await until("all of them", () => b.client.packets.length === 20 && b.client.of("signal").length === 20);
  for (const from of ["the same port", "another port"] as const) {
    for (let times = 0; times < 3; times++) await tap.again(from);
  }
  await say(20);
  await until("what was said last", () => b.client.of("signal").some((m) => m.box === "s20"));
  await until("the last packet", () => b.client.packets.some((p) => p.at(-1) === 20));
  assert.ok(tap.repeated >= 60, `${tap.repeated} datagrams were sent again`);
  assert.deepEqual([b.client.packets.length, b.client.of("signal").length], [21, 21]);
  await a.close();
});

/** One end of a lane, as a node holds it. */
class End {
  readonly socket = socket();
  readonly got: Uint8Array[] = [];

  constructor() {
    (async () => {
      for await (const [bytes] of this.socket) this.got.push(bytes);
    })().catch(() => {});
  }

  async send(bytes: Uint8Array, port: number): Promise<void> {
    await this.socket.send(bytes, { ...LOOPBACK, port });
  }
}

Deno.test("row 12: a proof of address that is sent again moves no lane", async () => {
  await using w = await GateWorld.create({}, { lanes: true });
  const [a, b] = [await w.join("a"), await w.join("b")];
  await a.client.send({ t: "lane", node: b.node.id, want: true });
  await b.client.send({ t: "lane", node: a.node.id, want: true });
  const grant = async (client: TestClient) => {
    const { port, end, token } = await until("the lane", () => client.of("lane")[0]);
    return { port, end, key: fromBase64Url(token) };
  };
  const prove = async (client: TestClient, at: End) => {
    const { port, end, key } = await grant(client);
    const ask = async (nonce?: Uint8Array) => {
      const transaction = laneTransaction(port, random(6));
      const request = encodeLaneRequest({ end, transaction, ...(nonce && { nonce }) }, key, hmacSha256);
      const before = at.got.length;
      await at.send(request, port);
      const bytes = await until("the gate's answer", () => at.got[before]);
      return { request, answer: decodeLaneAnswer(bytes, key, hmacSha256)! };
    };
    const first = await ask();
    assert.ok(first.answer.kind === "nonce");
    const second = await ask(first.answer.nonce);
    assert.equal(second.answer.kind, "proved");
    return second.request;
  };
  const [old, now, other, thief] = [new End(), new End(), new End(), new End()];
  try {
    const proof = await prove(a.client, old);
    await prove(b.client, other);
    const { port } = await grant(a.client);
    await until("the lane", () => b.client.of("lane-ready")[0]);
    // Somebody on the way has a's proof, and sends it from elsewhere; later, after a has moved on, from where a was.
    await thief.send(proof, port);
    await until("an answer, which is no proof", () => thief.got.length === 1);
    await prove(a.client, now);
    await old.send(proof, port);
    await until("an answer, which is no proof", () => old.got.length === 3);
    const data = Uint8Array.from({ length: 64 }, () => 4);
    await other.send(data, port);
    await until("the packet where a is", () => now.got.some((bytes) => bytes.length === 64));
    for (const end of [thief, old]) assert.ok(end.got.every((bytes) => bytes.length !== 64));
  } finally {
    for (const end of [old, now, other, thief]) end.socket.close();
  }
});

Deno.test("row 12: a sealed message counts once, whether a gate delivers it again or the coordinator's mail does", async () => {
  const keys = { a: await boxer("a"), b: await boxer("b") };
  const boxes: string[] = [];
  const heard: unknown[] = [];
  const dropped: string[] = [];
  const make = (self: "a" | "b", peer: "a" | "b") =>
    new Signals({
      net: "n".repeat(32),
      self: { id: self, key: keys[self] },
      sealKeyOf: (id) => id === peer ? keys[peer].public : undefined,
      head: () => ({ seq: 1, hash: "A".repeat(43) }),
      deliver: (_to, box) => void boxes.push(box),
      received: (_from, signal) => void heard.push(signal.body),
      dropped: (_from, why) => void dropped.push(why),
      now: () => Date.now(),
    });
  const [a, b] = [make("a", "b"), make("b", "a")];
  a.send("b", { t: "echo", n: 1 });
  a.send("b", { t: "echo", n: 2 });
  await until("both boxes", () => boxes.length === 2);
  for (const box of [...boxes, ...boxes, boxes[0]!]) b.receive("a", box);
  await until("all of them", () => heard.length + dropped.length === 5);
  assert.deepEqual(heard, [{ t: "echo", n: 1 }, { t: "echo", n: 2 }]);
});

/** Sends bare Binding requests and gives how many bytes came back for how many. */
async function stunFlood(requests: number): Promise<{ sent: number; back: number; seconds: number }> {
  const began = performance.now();
  const service = socket();
  const server = new StunServer(service);
  const victim = new End();
  try {
    let sent = 0;
    for (let n = 0; n < requests; n++) {
      const request = Uint8Array.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...random(12)]);
      await victim.send(request, portOf(service));
      sent += request.length;
      // One by one: the answers must not be lost in a full buffer.
      await until("the request", () => server.answered + server.withheld === n + 1);
    }
    await until("all answers", () => victim.got.length === server.answered);
    const back = victim.got.reduce((sum, bytes) => sum + bytes.length, 0);
    return { sent, back, seconds: (performance.now() - began) / 1000 };
  } finally {
    server.close();
    victim.socket.close();
  }
}

Deno.test("row 16: STUN answers to an unproved address add up to no more than what came from it", async (t) => {
  const one = await stunFlood(1);
  assert.equal(one.back, 32, "a conforming agent's bare request is answered (RFC 8489)");
  const { sent, back, seconds } = await stunFlood(1_000);
  await t.step(`1,000 bare requests: ${back} bytes for ${sent}, ratio ${(back / sent).toFixed(2)}`, () => {
    // What a source may owe once, and what is forgiven while this runs.
    assert.ok(back <= sent + DEBT_LIMITS.bytes + DEBT_LIMITS.forgiven * seconds, `${back} bytes for ${sent}`);
  });
});

/** What somebody's first packet to a gate brings back to whom it names as its sender, who never answers. */
async function initialTo(port: number, serverName: string): Promise<{ sent: number; back: number }> {
  const victim = new End();
  try {
    const [initial] = await makeInitials(1, { alpn: GATE_ALPN, serverName });
    await victim.send(initial!, port);
    await until("an answer", () => victim.got.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // a handshake is repeated after a second
    return { sent: initial!.length, back: victim.got.reduce((sum, bytes) => sum + bytes.length, 0) };
  } finally {
    victim.socket.close();
  }
}

Deno.test("row 16: QUIC sends an unproved address no more bytes than came from it, whatever it shows", async (t) => {
  await using w = await GateWorld.create();
  const ticket = await askTicket({ host: "127.0.0.1", port: w.gate.stun }, {
    random,
    signal: new AbortController().signal,
  });
  const names = {
    "no ticket": GATE_SERVER_NAME,
    "a ticket that was made up": nameOfTicket(random(TICKET_LENGTH)),
    "a ticket of another address": nameOfTicket(w.tickets.give(Uint8Array.of(127, 0, 0, 2), Date.now())),
    "a ticket of yesterday": nameOfTicket(w.tickets.give(Uint8Array.of(127, 0, 0, 1), Date.now() - 86_400_000)),
  };
  const all = await Promise.all(
    Object.entries(names).map(async ([what, name]) => ({ what, ...await initialTo(w.gate.port, name) })),
  );
  for (const { what, sent, back } of all) {
    await t.step(
      `${what}: ${back} bytes for ${sent}`,
      () => assert.ok(back > 0 && back <= sent, `${back} for ${sent}`),
    );
  }
  assert.equal(w.server.door.turnedAway, all.length);
  // The same with the ticket of this very address: a handshake, repeated because nobody answers it.
  const proved = await initialTo(w.gate.port, nameOfTicket(ticket!.ticket));
  assert.ok(proved.back > proved.sent, `${proved.back} for ${proved.sent}: this would see a handshake`);
});

Deno.test("row 16: floods of first packets, from forged addresses and from one that is real, leave room for others", async () => {
  await using w = await GateWorld.create();
  const own = Uint8Array.of(127, 0, 0, 5);
  const names = [GATE_SERVER_NAME, nameOfTicket(w.tickets.give(own, Date.now()))];
  const flooder = Deno.listenDatagram({ ...LOOPBACK, hostname: own.join("."), port: 0 });
  try {
    // More than there may be handshakes under way; those of the real address are never finished.
    for (const [serverName, before, held] of [[names[0]!, 0, 0], [names[1]!, 1_100, 128]] as const) {
      const initials = await makeInitials(1_100, { alpn: GATE_ALPN, serverName });
      for (let sent = 50; sent <= initials.length; sent += 50) {
        for (const initial of initials.slice(sent - 50, sent)) {
          await flooder.send(initial, { ...LOOPBACK, port: w.gate.port });
        }
        // Not more at once than a socket's buffer takes.
        await until("them", () => w.server.door.turnedAway + w.server.door.handshakes >= before + sent);
      }
      assert.equal(w.server.door.turnedAway, before + initials.length - held);
    }
    assert.ok((await w.join("a")).client.welcome);
  } finally {
    flooder.close();
  }
});

Deno.test("row 16: connections that prove nothing are bounded a source, and sessions do not notice", async () => {
  await using w = await GateWorld.create({ authTime: 60_000 });
  const [a, b] = [await w.join("a"), await w.join("b")];
  const flood = await Promise.all(Array.from({ length: 90 }, () => TestClient.connect(w.gate)));
  await until("the refusals", () => flood.filter((c) => c.closed).length >= 26);
  assert.equal(w.core.counts().unproved <= 64 + 2, true, `${w.core.counts().unproved} unproved`);
  for (let n = 0; n < 50; n++) await a.client.sendPacket(b.node.id, Uint8Array.of(n));
  await until("all packets", () => b.client.packets.length === 50);
  for (const client of flood) await client.close();
});

Deno.test("row 16: a member that asks for lanes without end gets a bound number, and others get theirs", async () => {
  await using w = await GateWorld.create({}, { lanes: true });
  const [flood, a, b] = [await w.join("flood"), await w.join("a"), await w.join("b")];
  for (let n = 0; n < 3_000; n++) {
    await flood.client.send({ t: "lane", node: toBase32(random(nodeIdBytes(a.node.id).length)), want: true });
  }
  await until("the refusals", () => flood.client.of("lane-ended").some((m) => m.reason === "node-quota"));
  await a.client.send({ t: "lane", node: b.node.id, want: true });
  await b.client.send({ t: "lane", node: a.node.id, want: true });
  await until("the lane of others", () => a.client.of("lane")[0] && b.client.of("lane")[0]);
  assert.equal(w.core.counts().lanes, 1);
});
