import assert from "node:assert/strict";
import { GONE_AFTER } from "../core/guess/limits.ts";
import { createLog } from "../../mesh/host/log.ts";
import { NOW } from "../../mesh/trust/testdata/network.ts";
import { stunCrypto } from "./crypto.ts";
import { GuessDesk } from "./guess.ts";
import { IceHub } from "./ice_hub.ts";
import { PeerTable, type PeerTableOptions } from "./peer_table.ts";
import { join, view } from "./testing_view.ts";

/** The table of `alice`, whose machine is in line when the test says so; `there` are the peers at her gates, `left` those that have left. */
async function table() {
  const v = await view();
  const log = createLog("test", { write: () => {} });
  const hub = new IceHub({ log, crypto: stunCrypto, clock: () => NOW * 1000 });
  const inLine = Promise.withResolvers<void>();
  const told: string[] = [];
  const there = new Set<string>();
  const left = new Set<string>();
  const gates = {
    towards: (id: string) => there.has(id) ? {} : null,
    hasLeft: (id: string) => left.has(id),
    watch: () => {},
  };
  const host = {
    hub,
    direct: false,
    guesses: new GuessDesk({ enabled: () => false, hardness: () => "easy", server: () => null, seen: () => {} }),
    crypto: stunCrypto,
    mtu: 1280,
    wgPort: () => 51820,
    signal: (to: string, { t }: { t: string }) => void told.push(`${v.nodes.get(to)!.name} ${t}`),
    transports: [],
    changed: () => inLine.promise,
    moved: () => {},
    rearm: () => {},
    log,
    now: () => NOW * 1000,
  };
  const peers = new PeerTable({
    view: v,
    gates,
    host,
    routing: () => ({ uses: [], others: [] }),
    tieBreaker: () => 1n,
    meshUp: () => false,
    added: () => {},
    removed: () => {},
    rearm: () => {},
  } as unknown as PeerTableOptions);
  return {
    v,
    peers,
    there,
    left,
    told,
    inLine,
    [Symbol.dispose]: () => {
      peers.close();
      hub.close();
    },
  };
}

const INITIATION = new Uint8Array(148).fill(1, 0, 1);

Deno.test("PeerTable writes the first handshake to a newcomer, and to nobody who may have been away for long", async () => {
  using made = await table();
  const bob = await join(made.v, "bob");
  const carol = await join(made.v, "carol", { iat: NOW - 3_600 });
  made.peers.sync();
  for (const id of [bob, carol]) made.peers.all.get(id)!.packets.outgoing(INITIATION);
  assert.deepEqual(made.told, ["bob wireguard"]);
});

Deno.test("PeerTable writes to a newcomer in a small network only: in a large one everybody would at once", async () => {
  using made = await table();
  for (let i = 1; i < 64; i++) await join(made.v, `old${i}`, { iat: NOW - 3_600 });
  made.peers.sync();
  for (const name of ["last", "late"]) {
    const id = await join(made.v, name);
    made.peers.sync();
    made.peers.all.get(id)!.packets.outgoing(INITIATION);
  }
  assert.equal(made.peers.all.size, 65);
  assert.deepEqual(made.told, ["last wireguard"]);
});

Deno.test("PeerTable is complete when WireGuard knows who is there; nobody waits for others", async () => {
  using made = await table();
  const signal = new AbortController().signal;
  const bob = await join(made.v, "bob");
  made.peers.sync();
  await made.peers.complete(signal); // he is not there
  made.there.add(bob);
  const order: string[] = [];
  const complete = made.peers.complete(signal).then(() => order.push("complete"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  order.push("in line");
  made.inLine.resolve();
  await complete;
  assert.deepEqual(order, ["in line", "complete"]);
});

Deno.test("PeerTable: a peer that is met nowhere has gone only where a gate has said so", async () => {
  using made = await table();
  const bob = await join(made.v, "bob");
  made.peers.sync();
  const { guess } = made.peers.all.get(bob)!.inside();
  const goneAt = () => {
    made.peers.tellReach(bob);
    return guess.nextDeadline();
  };
  made.there.add(bob);
  assert.equal(goneAt(), null);
  made.there.clear();
  assert.equal(goneAt(), null, "a session has ended");
  made.left.add(bob);
  assert.equal(goneAt(), NOW * 1000 + GONE_AFTER);
});
