/** A node's sessions with real gates: addresses that are silent cost no session, and what goes wrong is told. */
import assert from "node:assert/strict";
import { handTo } from "../ctl/admin/gates.ts";
import { openCertificate } from "../gate/host/certificate.ts";
import { GateWorld } from "../gate/host/testing_gate.ts";
import { random, type TestNode, until } from "../gate/host/testing.ts";
import { GateClient } from "../link/host/gate_client.ts";
import { CloneWatch, GateKeeper } from "../link/host/gate_keeper.ts";
import type { HandlerFault } from "../link/host/guarded.ts";
import { readDatagrams } from "../mesh/host/datagrams.ts";
import type { VerifiedGate } from "../mesh/trust/record.ts";
import { TicketBook } from "../mesh/client/mod.ts";
import { TICKET_LENGTH } from "../mesh/wire/stun/mod.ts";
import { GATE_ALPN } from "../mesh/wire/gate_session.ts";
import { dialOf, gateAt, noEvents, nothing } from "./node_session.ts";

const REPLACED = "it has gone silent, and another session took its place";

/** Keeps a session with a gate, and notes what it tells. */
function keep(gate: VerifiedGate, node: TestNode, o: { now?: () => number } = {}) {
  const told: string[] = [];
  const dial = { ...dialOf(node), ...(o.now && { now: o.now }) };
  const keeper = new GateKeeper(gate, {
    ...dial,
    dial: () => dial,
    ways: ({ record }) => Promise.resolve(record.hosts),
    events: () => noEvents,
    session: (_keeper, { up, reason, failed }) => told.push(up ? "up" : failed ? `failed: ${reason}` : reason!),
    silent: (_keeper, silent) => told.push(silent ? "silent" : "speaks"),
    doubted: (_keeper, doubted) => told.push(doubted ? "doubted" : "heard again"),
    clones: new CloneWatch(),
    failed: (_keeper, { error }) => {
      throw error;
    },
  });
  return { keeper, told };
}

/** Something at an address that takes packets and never answers. */
function silentAt(hostname: string, port: number): { port: number; packets: () => number; [Symbol.dispose](): void } {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  let packets = 0;
  void (async () => {
    for await (const _ of socket) packets++;
  })().catch(nothing);
  return { port: (socket.addr as Deno.NetAddr).port, packets: () => packets, [Symbol.dispose]: () => socket.close() };
}

Deno.test("a gate's address that is silent fails nothing: its next one is dialled meanwhile", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  using silent = silentAt("127.0.0.2", w.gate.stun);
  const { keeper, told } = keep(gateAt(w.gate, ["127.0.0.2", "127.0.0.1"]), node);
  await until("the session", () => keeper.client);
  assert.deepEqual(told, ["up"]);
  assert.equal(keeper.client!.address, "127.0.0.1");
  await until("what was sent in vain", () => silent.packets() > 0);
  keeper.leave("done");
  await until("its end", () => told.length === 2);
  assert.deepEqual(told, ["up", "done"]);
});

Deno.test("an admin's entries reach a gate most of whose addresses are silent, and a gate that is all silent is an error", async () => {
  await using w = await GateWorld.create();
  const admin = await w.network.copy();
  for (let n = 0; n < 70; n++) await admin.grant(); // more than one round takes
  const silent = Array.from({ length: 9 }, (_, n) => `127.0.0.${n + 2}`);
  using stack = new DisposableStack();
  const sockets = silent.map((host) => stack.use(silentAt(host, w.gate.stun)));
  const from = { net: admin.id, admin: admin.admin, ledger: admin.ledger, head: w.network.ledger.head };
  let outcome: unknown = null;
  handTo(gateAt(w.gate, [...silent, "127.0.0.1"]), from).then(() => outcome = "handed", (error) => outcome = error);
  await until("the answer", () => outcome);
  assert.equal(outcome, "handed");
  assert.deepEqual(w.network.ledger.head, admin.ledger.head);
  assert.ok(sockets.every(({ packets }) => packets() > 0), "they were all tried before");
  await admin.grant();
  await assert.rejects(handTo(gateAt(w.gate, ["127.0.0.2"]), { ...from, head: w.network.ledger.head }), {
    code: "timeout",
  });
});

/**
 * A way to a gate's port that, once cut, carries only who comes anew: as if the gate had been started anew, without a word. Closed, it
 * carries nobody.
 */
function wayTo(
  port: number,
): { port: number; cut(): void; close(): void; open(): void; callers(): number; [Symbol.dispose](): void } {
  let closed = false;
  const front = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const backs = new Map<number, { socket: Deno.DatagramConn; cut: boolean }>();
  const back = (from: Deno.NetAddr) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const flow = { socket, cut: false };
    backs.set(from.port, flow);
    void readDatagrams(socket, (bytes) => flow.cut || closed || void front.send(bytes, from).catch(nothing));
    return flow;
  };
  void readDatagrams(front, (bytes, from) => {
    const flow = backs.get(from.port) ?? back(from);
    if (!flow.cut && !closed) {
      void flow.socket.send(bytes, { transport: "udp", hostname: "127.0.0.1", port }).catch(nothing);
    }
  });
  return {
    port: (front.addr as Deno.NetAddr).port,
    cut: () => backs.forEach((flow) => flow.cut = true),
    close: () => closed = true,
    open: () => closed = false,
    callers: () => backs.size,
    [Symbol.dispose]: () => [front, ...[...backs.values()].map(({ socket }) => socket)].forEach((s) => s.close()),
  };
}

/** Keeps a session over that way, up and answered once. */
async function keepBy(way: { port: number }, w: GateWorld, now: () => number): Promise<ReturnType<typeof keep>> {
  const there = gateAt(w.gate, ["127.0.0.1"]);
  const gate = { ...there, record: { ...there.record, quic: way.port } };
  const kept = keep(gate, await w.network.node("a", w.grant), { now });
  await until("the session and its first answer", () => kept.keeper.client?.rttMs !== null && kept.keeper.client);
  return kept;
}

Deno.test("a session that goes silent is replaced by another one, long before QUIC gives it up, and that is no copy of us", async () => {
  await using w = await GateWorld.create();
  using way = wayTo(w.gate.port);
  let now = 1_000_000;
  const { keeper, told } = await keepBy(way, w, () => now);
  const first = keeper.client!;
  const wanted = (ms: number) => {
    keeper.used(now += ms);
    keeper.tick(now);
  };
  wanted(9_000);
  await until("the answer to who wants it", () => first.heardAt === now);
  way.cut();
  for (let asked = 0; asked <= 6; asked++) wanted(300);
  await until("another one", () => keeper.client && keeper.client !== first);
  assert.deepEqual(told, ["up", "doubted", "silent", REPLACED, "heard again", "up"]);
  keeper.leave("done");
  await until("its end", () => told.length === 7);
});

Deno.test("an idle session that does not answer once it is wanted is replaced before it counts as silent", async () => {
  await using w = await GateWorld.create();
  using way = wayTo(w.gate.port);
  let now = 1_000_000;
  const { keeper, told } = await keepBy(way, w, () => now);
  const first = keeper.client;
  way.cut();
  now += 9_000;
  assert.ok(keeper.used(now));
  keeper.tick(now);
  for (const _ of [1, 2]) {
    assert.deepEqual(told.filter((word) => word !== "doubted"), ["up"]);
    now += 300;
    keeper.tick(now);
  }
  await until("another one", () => keeper.client && keeper.client !== first);
  assert.deepEqual(told, ["up", "doubted", REPLACED, "heard again", "up"]);
  keeper.leave("done");
  await until("its end", () => told.length === 6);
});

Deno.test("an idle session that answers while another one is being opened in its place goes on, and the other one is given up", async () => {
  await using w = await GateWorld.create();
  using way = wayTo(w.gate.port);
  let now = 1_000_000;
  const { keeper, told } = await keepBy(way, w, () => now);
  const first = keeper.client!;
  way.close();
  keeper.used(now += 9_000);
  for (const ms of [0, 300, 300]) keeper.tick(now += ms);
  assert.deepEqual(told, ["up", "doubted"]);
  await until("the other one's first word, in vain", () => way.callers() === 2);
  way.open();
  first.ping();
  await until("an answer", () => first.heardAt === now);
  keeper.tick(now);
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // a dial that goes on would say its first word again by then
  assert.deepEqual(told, ["up", "doubted", "heard again"]);
  assert.equal(keeper.client, first);
  keeper.leave("done");
  await until("its end", () => told.length === 4);
});

Deno.test("a dial that began long before its session is needed begins anew, and one that has just begun goes on", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  using silent = silentAt("127.0.0.2", w.gate.stun);
  let now = 1_000_000;
  const gate = gateAt(w.gate, ["127.0.0.2"]);
  const { keeper, told } = keep(gate, node, { now: () => now });
  await until("the dial", () => silent.packets() > 0);
  gate.record.hosts[0] = "127.0.0.1";
  keeper.hurry();
  now += 2_000;
  keeper.hurry();
  await until("the session", () => keeper.client);
  assert.deepEqual(told, ["up"], "nothing has failed before");
  keeper.leave("done");
  await until("its end", () => told.length === 2);
});

Deno.test("a keeper that is left in the midst of a dial ends it, and tells nothing of it", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  using silent = silentAt("127.0.0.2", w.gate.stun);
  const { keeper, told } = keep(gateAt(w.gate, ["127.0.0.2"]), node);
  await until("the dial", () => silent.packets() > 0);
  keeper.leave("done");
  assert.deepEqual(told, []);
});

Deno.test("a handler that throws is told by its name, and the session goes on", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  const faults: HandlerFault[] = [];
  const measured: number[] = [];
  let closed: string | null = null;
  const broken = (): never => {
    throw new Error("broken");
  };
  const client = await GateClient.connect(
    { ...dialOf(node), gate: gateAt(w.gate, []), host: "127.0.0.1", failed: (fault) => faults.push(fault) },
    {
      ...noEvents,
      head: broken,
      signal: broken,
      packet: broken,
      measured: (rtt) => measured.push(rtt),
      closed: (reason) => {
        closed = reason;
        broken();
      },
    },
  );
  const { node: peer, client: other } = await w.join("b");
  await other.send({ t: "signal", to: node.id, box: "AAAA" });
  await until("the signal", () => faults.some(({ handler }) => handler === "signal"));
  client.sendPacket(peer.id, new Uint8Array(32)); // so that the gate knows the other way, too
  await other.sendPacket(node.id, new Uint8Array(32));
  await until("the packet", () => faults.some(({ handler }) => handler === "packet"));
  const before = measured.length;
  client.ping();
  await until("the answer", () => measured.length > before);
  assert.equal(closed, null);
  client.close("done");
  await until("the end", () => closed);
  assert.equal(closed, "done");
  assert.deepEqual(faults.map(({ handler }) => handler), ["head", "signal", "packet", "closed"]);
});

Deno.test("a gate that ends the connection before there is a session is quoted, and so is QUIC", async () => {
  const dir = await Deno.makeTempDir();
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  try {
    await using w = await GateWorld.create();
    const node = await w.network.node("a", w.grant);
    const certificate = await openCertificate(dir, { now: () => Date.now(), random });
    const listener = endpoint.listen({ cert: certificate.cert, key: certificate.key, alpnProtocols: [GATE_ALPN] });
    void (async () => {
      for await (const incoming of listener) {
        const conn = await incoming.accept();
        conn.close({ closeCode: 7, reason: "too many sessions from there" });
      }
    })().catch(nothing);
    const port = endpoint.addr.port;
    const dial = { ...dialOf(node), host: "127.0.0.1", failed: nothing };
    const events = { ...noEvents, closed: nothing };
    const there = { ...w.gate, port, cert: certificate.hash };
    const place = `gate g at 127.0.0.1 UDP ${port}`;
    await assert.rejects(GateClient.connect({ ...dial, gate: gateAt(there, []) }, events), {
      code: "unreachable",
      line: `${place}: Cannot reach the gate: too many sessions from there`,
    });
    const foreign = gateAt({ ...there, cert: w.gate.cert }, []);
    await assert.rejects(GateClient.connect({ ...dial, gate: foreign }, events), { line: /certificate/ });
  } finally {
    endpoint.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a ticket that no longer holds is replaced, and who gets none is told which port is silent", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  const there = gateAt(w.gate, []);
  const tickets = new TicketBook();
  const service = { host: "127.0.0.1", port: w.gate.stun };
  tickets.keep(service, random(TICKET_LENGTH), performance.now());
  const dial = { ...dialOf(node), host: "127.0.0.1", failed: nothing, tickets };
  const events = { ...noEvents, closed: nothing };
  const address = Uint8Array.of(127, 0, 0, 1);
  for (const turnedAway of [1, 1]) { // the second time with the ticket that the first one got
    const client = await GateClient.connect({ ...dial, gate: there }, events);
    assert.equal(w.server.door.turnedAway, turnedAway);
    assert.ok(w.tickets.holds(tickets.get(service, performance.now())!, address, Date.now()));
    client.close();
  }
  using silent = silentAt("127.0.0.1", 0);
  const mute = { ...there, record: { ...there.record, stun: silent.port } };
  await assert.rejects(GateClient.connect({ ...dial, gate: mute }, events), {
    code: "unreachable",
    line:
      `gate g at 127.0.0.1 UDP ${silent.port}: The gate's STUN service does not answer, which proves this machine's ` +
      `address; let UDP port ${silent.port} through as well`,
  });
  assert.equal(w.server.door.turnedAway, 2);
});

Deno.test("TicketBook keeps tickets for an hour, of a bound number of gates, until this machine has moved", () => {
  const book = new TicketBook();
  const at = (port: number) => ({ host: "192.0.2.1", port });
  for (let port = 1; port <= 257; port++) book.keep(at(port), Uint8Array.of(port & 0xff), 0);
  assert.equal(book.get(at(1), 0), null);
  assert.deepEqual(book.get(at(2), 3_599_999), Uint8Array.of(2));
  assert.equal(book.get(at(2), 3_600_000), null);
  book.forget(at(2));
  assert.equal(book.get(at(2), 0), null);
  book.clear();
  assert.equal(book.get(at(257), 0), null);
});

Deno.test("a gate tells along with the session who is there, and the session's owner hears it when it asks for that", async () => {
  await using w = await GateWorld.create();
  const node = await w.network.node("a", w.grant);
  const { node: peer } = await w.join("b");
  const heard: string[] = [];
  const watch = new Set([peer.id]);
  const client = await GateClient.connect(
    { ...dialOf(node), gate: gateAt(w.gate, []), host: "127.0.0.1", failed: nothing, watch: () => watch },
    { ...noEvents, closed: nothing, presence: (id, up) => heard.push(`${id === peer.id ? "b" : id} ${up}`) },
  );
  await until("an answer of the gate, behind what it told", () => client.rttMs !== null);
  assert.deepEqual(heard, []);
  client.watch(watch);
  assert.deepEqual(heard, ["b true"], "it was told already");
  client.watch(watch);
  client.watch(new Set([peer.id]));
  await until("the answer to another question", () => heard.length === 2);
  assert.deepEqual(heard, ["b true", "b true"]);
  client.close();
});
