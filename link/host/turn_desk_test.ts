/** Two peers that name one address: neither takes it from the other. The server is in memory, behind a real socket. */
import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { encodeStun, type TransportAddress } from "../core/stun/mod.ts";
import { CREDENTIALS, FakeServer } from "../core/turn/testdata/server.ts";
import { type RelayUser, TurnDesk } from "./turn_desk.ts";

const SHARED = { address: "203.0.113.20", port: 61_001 };
const WIREGUARD = Uint8Array.from({ length: 80 }, (_, i) => i === 0 ? 4 : 7);
const CHECK = encodeStun({ class: "request", transaction: new Uint8Array(12), fields: [], fingerprint: true });

class User implements RelayUser {
  proved = false;
  readonly got: Uint8Array[] = [];
  readonly there = Promise.withResolvers<void>();
  readonly allowed = Promise.withResolvers<TransportAddress>();
  permits = 0;

  relay(own: unknown): void {
    if (own) this.there.resolve();
  }

  permitted(peer: TransportAddress): void {
    this.permits++;
    this.allowed.resolve(peer);
  }

  denied(_: TransportAddress, reason: string): void {
    this.allowed.reject(new Error(reason));
  }

  datagram(bytes: Uint8Array): void {
    this.got.push(bytes);
  }
}

Deno.test("TurnDesk: who names another's address gets neither its packets nor an end to its channel", async () => {
  const server = new FakeServer();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let client: Deno.Addr | undefined;
  const serving = (async () => {
    for await (const [bytes, from] of socket) {
      client = from;
      const answer = server.take(bytes);
      if (answer) await socket.send(answer, from);
    }
  })();
  const desk = new TurnDesk({
    enabled: true,
    first: true,
    choices: () =>
      Promise.resolve([{
        gate: null,
        text: "test",
        server: { transport: "udp", host: "127.0.0.1", port: (socket.addr as Deno.NetAddr).port },
        credentials: () => Promise.resolve({ ...CREDENTIALS, expires: Infinity }),
      }]),
    refused: () => {},
    log: createLog("test", { write: () => {} }),
    now: () => Date.now(),
  });
  const [bob, mallory] = [new User(), new User()];
  try {
    for (const user of [bob, mallory]) desk.acquire(user, null);
    await bob.there.promise;
    desk.permit(bob, SHARED);
    assert.deepEqual(await bob.allowed.promise, SHARED);
    bob.proved = true;
    desk.permit(mallory, SHARED);
    await mallory.allowed.promise;
    assert.equal(bob.permits, 1);
    for (const packet of [CHECK, WIREGUARD]) await socket.send(server.fromPeer(SHARED, packet), client!);
    while (bob.got.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(bob.got, [CHECK, WIREGUARD]);
    assert.deepEqual(mallory.got, [CHECK]); // which its end drops: no key of its peer's has signed it

    desk.forget(mallory, SHARED);
    assert.ok(desk.send(SHARED, WIREGUARD), "the address is still let through");
    desk.permit(mallory, SHARED);
    desk.release(mallory);
    await socket.send(server.fromPeer(SHARED, WIREGUARD), client!);
    while (bob.got.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(mallory.got.length, 1);
    desk.forget(bob, SHARED);
    assert.equal(desk.send(SHARED, WIREGUARD), false);
  } finally {
    desk.release(bob);
    desk.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.close();
    await serving.catch(() => {});
  }
});
