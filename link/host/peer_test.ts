import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../mesh/wire/encoding.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import { machine } from "./testing_peer.ts";
import type { Transport } from "./transport.ts";

const WG = 51820;
const BASE = "10.9.1.2";
const mapped = (n: number) => ({ at: { address: "198.51.100.1", port: 40_000 + n }, base: BASE });

/** A peer that has begun ICE behind a NAT that gives it the place `mapped(1)`, and what it tells the other end. */
async function offering() {
  const told: SignalBody[] = [];
  const made = await machine(["a", "b"], [], { signal: (_to, body) => told.push(body), now: () => 1_700_000_000_000 });
  made.hub.onCandidates = () => made.peer.candidatesChanged();
  made.hub.setHost([BASE], WG);
  made.hub.setPortMapped(mapped(1));
  made.peer.event({ kind: "peerOnline" });
  /** What has been told since the last look: the kind of message, and the ports of the NAT that it names. */
  const news = () =>
    told.splice(0).map((body) => {
      assert.ok(body.t === "ice" || body.t === "candidates");
      return `${body.t} ${body.candidates.filter(({ type }) => type === "srflx").map(({ port }) => port).join()}`;
    });
  return { made, news, ports: () => made.peer.inside().ice.candidates.map(({ port }) => port) };
}

Deno.test("Peer offers anew at once when its NAT gives another place, and no more the one that is gone", async () => {
  const { made, news, ports } = await offering();
  using _ = made;
  assert.deepEqual(news(), ["ice 40001"]);
  made.peer.event({ kind: "iceFailed" });
  assert.deepEqual(news(), [], "a failed attempt waits");
  made.hub.setPortMapped(mapped(2));
  assert.deepEqual(news(), ["candidates 40002", "ice 40002"]);
  assert.deepEqual(ports(), [WG, 40_002]);
});

Deno.test("Peer that only gains or loses a place does not begin anew, and forgets what is gone", async () => {
  const { made, news, ports } = await offering();
  using _ = made;
  news();
  made.peer.event({ kind: "iceFailed" });
  made.hub.setPortMapped(null);
  assert.deepEqual([news(), ports()], [[], [WG]]);
  made.hub.setPortMapped(mapped(3));
  assert.deepEqual([news(), ports()], [["candidates 40003"], [WG, 40_003]]);
});

Deno.test("Peer tells its rungs from WireGuard's counters whether somebody sends", async () => {
  const said: boolean[] = [];
  const toy: Transport = {
    rung: "lane",
    rank: 1,
    open: () => ({ reachChanged: () => {}, busy: (busy) => said.push(busy), close: () => {} }),
  };
  let now = 1_700_000_000_000;
  using made = await machine(["a", "b"], [toy], { now: () => now });
  for (const txBytes of [0, 64, 5_000, 5_000, 5_032]) {
    made.peer.counted({ rxBytes: 0, txBytes });
    now += 10_000;
  }
  assert.deepEqual(said, [false, false, true, true, false]);
});

Deno.test("Peer's first handshake goes by signal while no rung is there, both ways, and no data does", async () => {
  const told: SignalBody[] = [];
  using made = await machine(["a", "b"], [], { signal: (_to, body) => told.push(body) });
  const packet = (type: number, length: number) => new Uint8Array(length).fill(type, 0, 1);
  const posted = () =>
    told.splice(0).filter((body) => body.t === "wireguard").map(({ packet }) => fromBase64Url(packet));
  made.peer.packets.heard();
  made.peer.packets.outgoing(packet(1, 148));
  made.peer.packets.outgoing(packet(4, 96));
  assert.deepEqual(posted(), [packet(1, 148)]);
  made.peer.signal({ t: "wireguard", packet: toBase64Url(packet(4, 96)) }, 1);
  made.peer.signal({ t: "wireguard", packet: toBase64Url(packet(2, 92)) }, 2);
  assert.deepEqual(await made.receive(), packet(2, 92));
});

Deno.test("Peer leaves packets to WireGuard's own sending once a packet of the peer's WireGuard has come", async () => {
  const wireguard = { address: "203.0.113.20", port: 40_001 };
  const toy: Transport = {
    rung: "lane",
    rank: 1,
    open: (host) => ({ reachChanged: () => host.up({ endpoint: "g1", rttMs: 1, wireguard }), close: () => {} }),
  };
  using made = await machine(["a", "b"], [toy]);
  made.peer.reachChanged();
  assert.equal(made.peer.wanted().endpoint.address, "127.0.0.1");
  made.peer.relayed(new Uint8Array(148).fill(1, 0, 1));
  assert.deepEqual(made.peer.wanted().endpoint, wireguard);
});
