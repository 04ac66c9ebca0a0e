/** What a gate passes on between sessions, and what it tells them. */
import assert from "node:assert/strict";
import { EARLY_WATCH, FRAME_FIRST, FRAME_HEADER, frameNodeId, MAX_PACKET } from "../../mesh/wire/gate_session.ts";
import { CLOSE } from "./event.ts";
import { EXPIRES, frame, id, key, NET, OTHER_NET, World } from "./testdata/world.ts";

Deno.test("GateCore forwards packets by node id with the sender's id in the same buffer", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  const sent = frame(id(11));
  assert.equal(w.core.datagram(1, sent, w.now), 2);
  const got = w.core.nextPacket(2)!;
  assert.equal(got, sent);
  assert.equal(frameNodeId(got), id(10));
  assert.equal(new TextDecoder().decode(got.subarray(FRAME_HEADER)), "hello");
  assert.equal(w.core.nextPacket(2), undefined);
});

Deno.test("GateCore drops unknown frame types, short and long frames, absent receivers and the sender itself", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  for (
    const bytes of [
      new Uint8Array(),
      new Uint8Array(FRAME_HEADER - 1),
      frame(id(11), ""),
      frame(id(11), "x", 0),
      frame(id(11), "x", 4),
      frame(id(11), "xy", FRAME_FIRST),
      frame(id(11), "x".repeat(MAX_PACKET + 1)),
      frame(id(12)),
      frame(id(10)),
    ]
  ) assert.equal(w.core.datagram(1, bytes, w.now), undefined);
  assert.equal(w.core.nextPacket(2), undefined);
  assert.equal(w.core.counts().packetsNowhere, 2);
});

Deno.test("GateCore forwards nothing from one network to another, even to the same node id", () => {
  const w = new World({}, [NET, OTHER_NET]);
  w.join(1, 10, NET);
  w.join(2, 11, OTHER_NET);
  w.join(3, 10, OTHER_NET);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  w.sent(2);
  w.say(1, { t: "signal", to: id(11), box: "secret" });
  w.say(1, { t: "watch", nodes: [id(11)] });
  assert.deepEqual(w.sent(2), []);
  assert.deepEqual(w.sent(1).at(-1), { t: "presence", node: id(11), up: false });
  assert.equal(w.core.datagram(2, frame(id(10)), w.now), 3);
});

Deno.test("GateCore answers a watch that came before the welcome right after it, and a long one ends the handshake", () => {
  const w = new World();
  w.join(1, 10);
  const live = (conn: number, n: number) =>
    w.handle({ t: "verified", conn, member: { id: id(n), key: key(n), expires: EXPIRES } });
  w.knock(2, 11);
  w.sent(2);
  w.say(2, { t: "watch", nodes: [id(10), id(12)] });
  assert.deepEqual(w.sent(2), [], "nobody is told anything before it is proved who asks");
  live(2, 11);
  const [welcome, ...told] = w.sent(2) as { t: string }[];
  assert.equal(welcome!.t, "welcome");
  assert.deepEqual(told, [
    { t: "presence", node: id(10), up: true },
    { t: "presence", node: id(12), up: false },
  ]);
  w.knock(3, 13);
  w.sent(3);
  w.say(3, { t: "watch", nodes: Array.from({ length: EARLY_WATCH + 1 }, (_, i) => id(i)) });
  assert.equal((w.sent(3) as { t: string }[]).at(-1)!.t, "refused");
});

Deno.test("GateCore forwards signals with the sender's id and counts those for nobody", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.sent(2);
  w.say(1, { t: "signal", to: id(11), box: "one" });
  w.say(1, { t: "signal", to: id(12), box: "two" });
  assert.deepEqual(w.sent(2), [{ t: "signal", from: id(10), box: "one" }]);
  assert.equal(w.core.counts().signalsNowhere, 1);
});

Deno.test("GateCore lets a newer session of a node take the older one's place without a gap in presence", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.say(2, { t: "watch", nodes: [id(10)] });
  w.sent(2);
  const out = w.join(3, 10);
  assert.deepEqual(out.filter((a) => a.t === "end").map((a) => [a.conn, a.code]), [[1, CLOSE.replaced]]);
  assert.equal(w.core.datagram(2, frame(id(10)), w.now), 3);
  assert.equal(w.core.datagram(1, frame(id(11)), w.now), undefined);
  assert.deepEqual([w.core.connOf(NET, id(10)), w.core.connOf(NET, id(12))], [3, null]);
  assert.equal(w.core.connOf(OTHER_NET, id(10)), null);
  w.handle({ t: "closed", conn: 1 });
  assert.deepEqual(w.sent(2), []);
  assert.equal(w.core.counts().sessions, 2);
});

Deno.test("GateCore tells watchers who comes and goes, and only what they ask for", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.sent(1);
  w.say(1, { t: "watch", nodes: [id(11), id(12)] });
  assert.deepEqual(w.sent(1), [
    { t: "presence", node: id(11), up: true },
    { t: "presence", node: id(12), up: false },
  ]);
  w.join(3, 12);
  w.join(4, 13);
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(12), up: true }]);
  w.say(1, { t: "watch", nodes: [id(12)] });
  w.sent(1);
  w.handle({ t: "closed", conn: 2 });
  w.handle({ t: "closed", conn: 3 });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(12), up: false }]);
});

Deno.test("GateCore holds back lists of watched nodes beyond the budget and applies the newest", () => {
  const w = new World({ watchRate: 1, watchBurst: 2 });
  w.join(1, 10);
  w.sent(1);
  w.say(1, { t: "watch", nodes: [id(11)] });
  w.say(1, { t: "watch", nodes: [id(12)] });
  w.say(1, { t: "watch", nodes: [id(13)] });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(11), up: false }]);
  w.now = w.core.nextDeadline();
  w.handle({ t: "tick" });
  assert.deepEqual(w.sent(1), [{ t: "presence", node: id(13), up: false }]);
});

Deno.test("GateCore bounds what waits for a slow receiver and gives up the oldest", () => {
  const w = new World({ packets: 4, signals: 3, pongs: 2, signalBurst: 5, signalRate: 1 });
  w.join(1, 10);
  w.join(2, 11);
  w.sent(2);
  for (let i = 0; i < 10; i++) w.core.datagram(1, frame(id(11), `${i}`), w.now);
  const got = [];
  for (let p = w.core.nextPacket(2); p; p = w.core.nextPacket(2)) {
    got.push(new TextDecoder().decode(p.subarray(FRAME_HEADER)));
  }
  assert.deepEqual(got, ["6", "7", "8", "9"]);
  for (let i = 0; i < 10; i++) w.say(1, { t: "signal", to: id(11), box: `${i}` });
  for (let n = 0; n < 10; n++) w.say(2, { t: "ping", n });
  assert.deepEqual(w.sent(2), [
    { t: "pong", n: 8 },
    { t: "pong", n: 9 },
    { t: "signal", from: id(10), box: "2" },
    { t: "signal", from: id(10), box: "3" },
    { t: "signal", from: id(10), box: "4" },
  ]);
  const counts = w.core.counts();
  assert.deepEqual([counts.packetsDropped, counts.signals, counts.signalsDropped], [6, 5, 7]);
});

Deno.test("GateCore says goodbye to every live session and to nobody else", () => {
  const w = new World();
  w.join(1, 10);
  w.join(2, 11);
  w.open(3);
  for (const conn of [1, 2, 3]) w.sent(conn);
  w.handle({ t: "bye" });
  assert.deepEqual([1, 2, 3].map((conn) => w.sent(conn)), [[{ t: "bye" }], [{ t: "bye" }], []]);
  assert.equal(w.core.counts().sessions, 2, "they leave by themselves");
});

Deno.test("GateCore asks for TURN credentials for live members alone, and not more often than it should", () => {
  const w = new World();
  w.open(1);
  assert.deepEqual(
    w.handle({ t: "message", conn: 1, message: { t: "turn" } }).map(({ t }) => t).includes("turn"),
    false,
  );
  w.join(2, 22);
  let asked = 0;
  for (let i = 0; i < 1_000; i++) {
    asked += w.handle({ t: "message", conn: 2, message: { t: "turn" } }).filter(({ t }) => t === "turn").length;
  }
  assert.equal(asked, 10);
  w.core.nextControl(2);
  const credentials = (username: string) => ({ t: "turn" as const, username, password: "p", expires: 1 });
  for (const name of ["one", "two"]) w.handle({ t: "tell", conn: 2, message: credentials(name) });
  const got = [];
  for (let m = w.core.nextControl(2); m; m = w.core.nextControl(2)) if (m.t === "turn") got.push(m.username);
  assert.deepEqual(got, ["two"]);
});
