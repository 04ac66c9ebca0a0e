/** This node's one address at a TURN server: how it is had, and who may use it. The server is in memory, behind a real socket. */
import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import { encodeStun, type TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { CREDENTIALS, FakeServer } from "../core/turn/testdata/server.ts";
import type { TurnCredentials } from "../core/turn/mod.ts";
import { type RelayUser, TurnDesk } from "./turn_desk.ts";
import type { TurnChoice } from "./turn_servers.ts";

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

/** A server behind a socket of its own; null never answers. */
class Served implements AsyncDisposable {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  #client: Deno.Addr | undefined;

  constructor(server: FakeServer | null) {
    this.#serving = this.#serve(server);
  }

  async #serve(server: FakeServer | null): Promise<void> {
    for await (const [bytes, from] of this.#socket) {
      this.#client = from;
      const answer = server?.take(bytes);
      if (answer) await this.#socket.send(answer, from);
    }
  }

  choice(text: string, credentials: () => TurnCredentials): TurnChoice {
    const { port } = this.#socket.addr as Deno.NetAddr;
    const server = { transport: "udp" as const, host: "127.0.0.1", port };
    return { gate: null, text, server, credentials: () => Promise.resolve(credentials()) };
  }

  /** To who asked last. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#socket.send(bytes, this.#client!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 20)); // the client's last words
    this.#socket.close();
    await this.#serving.catch(() => {});
  }
}

function deskOf(
  choices: () => TurnChoice[],
  refused: (text: string, credentials: TurnCredentials) => void = () => {},
): TurnDesk {
  return new TurnDesk({
    enabled: true,
    first: true,
    choices: () => Promise.resolve(choices()),
    refused: ({ text }, credentials) => refused(text, credentials),
    log: createLog("test", { write: () => {} }),
    now: () => Date.now(),
  });
}

Deno.test("TurnDesk: who names another's address gets neither its packets nor an end to its channel", async () => {
  const server = new FakeServer();
  await using served = new Served(server);
  const desk = deskOf(() => [served.choice("test", () => CREDENTIALS)]);
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
    for (const packet of [CHECK, WIREGUARD]) await served.send(server.fromPeer(SHARED, packet));
    while (bob.got.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(bob.got, [CHECK, WIREGUARD]);
    assert.deepEqual(mallory.got, [CHECK]); // which its end drops: no key of its peer's has signed it

    desk.forget(mallory, SHARED);
    assert.ok(desk.send(SHARED, WIREGUARD), "the address is still let through");
    desk.permit(mallory, SHARED);
    desk.release(mallory);
    await served.send(server.fromPeer(SHARED, WIREGUARD));
    while (bob.got.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(mallory.got.length, 1);
    desk.forget(bob, SHARED);
    assert.equal(desk.send(SHARED, WIREGUARD), false);
  } finally {
    desk.release(bob);
    desk.close();
  }
});

Deno.test("TurnDesk: who gave the address back and needs it again is told anew that its peer is let through", async () => {
  const server = new FakeServer();
  await using served = new Served(server);
  const desk = deskOf(() => [served.choice("test", () => CREDENTIALS)]);
  const [first, again] = [new User(), new User()];
  try {
    desk.acquire(first, null);
    await first.there.promise;
    desk.permit(first, SHARED);
    await first.allowed.promise;
    desk.release(first);
    desk.acquire(again, null); // it is there still
    await again.there.promise;
    desk.permit(again, SHARED);
    assert.deepEqual(await again.allowed.promise, SHARED);
  } finally {
    desk.release(again);
    desk.close();
  }
});

Deno.test("TurnDesk: a server that takes other credentials by now gives the address while a silent way is waited for", async () => {
  await using served = new Served(new FakeServer());
  await using silent = new Served(null);
  const refused: string[] = [];
  let races = 0;
  const current = () => refused.length === 0 ? { ...CREDENTIALS, password: "of before the rotation" } : CREDENTIALS;
  const desk = deskOf(() => {
    races++;
    return [silent.choice("silent", current), served.choice("served", current)];
  }, (text, { password }) => refused.push(`${text}: ${password}`));
  const user = new User();
  try {
    desk.acquire(user, null);
    await user.there.promise;
    assert.deepEqual(refused, ["served: of before the rotation"]);
    assert.deepEqual([races, desk.fault], [1, null], "the silent way had to fail first");
  } finally {
    desk.release(user);
    desk.close();
  }
});

Deno.test("TurnDesk: an attempt that is given up while its connection opens leaves nothing that nobody handles", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = { transport: "tcp" as const, host: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port };
  const asked = Promise.withResolvers<void>();
  const credentials = () => {
    asked.resolve();
    return Promise.resolve(CREDENTIALS);
  };
  const desk = deskOf(() => [{ gate: null, text: "slow", server, credentials }]);
  const user = new User();
  desk.acquire(user, null);
  await asked.promise;
  for (let i = 0; i < 10; i++) await Promise.resolve(); // it connects, and no answer of the system has come in yet
  desk.release(user); // a rejection that nobody handles would end this test run
  (await listener.accept()).close();
  desk.close();
});
