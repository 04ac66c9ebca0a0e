import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import {
  decodeStun,
  encodeStun,
  field,
  type TransportAddress,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from "../../mesh/wire/stun/mod.ts";
import { stunCrypto } from "./crypto.ts";
import { IceHub } from "./ice_hub.ts";

/** A hub, and a check to a user name fragment of it. */
function world(now = () => 0) {
  const lines: string[] = [];
  const log = createLog("link", { level: "debug", write: (line) => lines.push(line) });
  const hub = new IceHub({ log, crypto: stunCrypto, clock: now });
  const from = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const check = (ufrag: string) =>
    from.send(
      encodeStun({
        class: "request",
        transaction: stunCrypto.random(12),
        fields: [field(USERNAME, `${ufrag}:peer`)],
        fingerprint: true,
      }),
      { transport: "udp", hostname: "127.0.0.1", port: hub.port },
    );
  const close = () => {
    hub.close();
    from.close();
  };
  return { hub, check, lines, close };
}

Deno.test("IceHub leaves a user name fragment with its first receiver until that one is forgotten", async () => {
  const { hub, check, close } = world();
  const got: string[] = [];
  let came = Promise.withResolvers<void>();
  const receiver = (name: string) => ({
    datagram: () => {
      got.push(name);
      came.resolve();
    },
  });
  const [first, second] = [receiver("first"), receiver("second")];
  hub.listen("seen", first);
  hub.listen("seen", second);
  await check("seen");
  await came.promise;
  hub.forget(first);
  hub.listen("seen", second);
  came = Promise.withResolvers();
  await check("seen");
  await came.promise;
  assert.deepEqual(got, ["first", "second"]);
  close();
});

Deno.test("IceHub goes on after a datagram that somebody could not take, and says so once", async () => {
  const { hub, check, lines, close } = world();
  const came = Promise.withResolvers<void>();
  let count = 0;
  hub.listen("ab", {
    datagram: () => {
      if (++count < 3) throw new Error("not today");
      came.resolve();
    },
  });
  for (let n = 0; n < 3; n++) await check("ab");
  await came.promise;
  assert.equal(lines.filter((line) => line.includes("not today")).length, 1);
  close();
});

Deno.test("IceHub sends nothing before its port is WireGuard's outside, and then what it was given until then", async () => {
  const log = createLog("link", { write: () => {} });
  const hub = new IceHub({ log, crypto: stunCrypto, clock: () => 0, held: true });
  const far = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { address: "127.0.0.1", port: (far.addr as Deno.NetAddr).port };
  const owner = { datagram: () => {} };
  hub.send(to, new Uint8Array([0, 1, 7]), owner);
  await far.send(new Uint8Array([9]), { transport: "udp", hostname: to.address, port: to.port });
  const came = async () => [...(await far.receive())[0]];
  assert.deepEqual(await came(), [9]);
  hub.release();
  assert.deepEqual(await came(), [0, 1, 7]);
  hub.send(to, new Uint8Array([0, 1, 8]), owner);
  assert.deepEqual(await came(), [0, 1, 8]);
  hub.close();
  far.close();
});

/** A STUN service that sees everybody at `sees`; null: it is silent. */
function service() {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const one = {
    at: { address: "127.0.0.1", port: (socket.addr as Deno.NetAddr).port },
    sees: null as TransportAddress | null,
    close: () => socket.close(),
  };
  void (async () => {
    for await (const [bytes, from] of socket) {
      if (one.sees === null) continue;
      const { transaction } = decodeStun(bytes);
      const fields = [field(XOR_MAPPED_ADDRESS, one.sees)];
      await socket.send(encodeStun({ class: "success", transaction, fields, fingerprint: true }), from);
    }
  })();
  return one;
}

Deno.test("IceHub keeps what a STUN service said last while none speaks, and no longer than that", async () => {
  let now = 0;
  const { hub, close } = world(() => now);
  const [a, b] = [service(), service()];
  const places = (...ports: number[]) => ports.map((port) => ({ address: "198.51.100.1", port }));
  const [before, other, after] = places(4001, 4002, 4003);
  const outside = () => hub.candidates().filter(({ type }) => type === "srflx").map(({ port }) => port);
  /** Runs the hub's clock, and waits a moment for answers each time, until it has learnt this. */
  const learns = async (ports: number[]) => {
    for (let n = 0; n < 400 && outside().join() !== ports.join(); n++) {
      now = Math.max(now, hub.nextDeadline()!);
      hub.tick();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual(outside(), ports);
  };
  hub.setHost(["10.9.1.2"], 51820);
  hub.setServers([a, b].map(({ at }) => ({ server: at, base: "10.9.1.2" })));
  [a.sees, b.sees] = [before!, other!];
  await learns([4001, 4002]);

  let changes = 0;
  hub.onCandidates = () => changes++;
  [a.sees, b.sees] = [null, null];
  for (let n = 0; changes < 2; n++) {
    assert.ok(n < 100, "both services are given up");
    now = hub.nextDeadline()!;
    hub.tick();
  }
  assert.deepEqual(outside(), [4001, 4002], "nobody says otherwise");

  b.sees = after!;
  await learns([4003]);
  for (const one of [a, b]) one.close();
  close();
});

Deno.test("IceHub sees by which port it leaves", async () => {
  const { hub, close } = world();
  assert.equal(await hub.portSeen(), "none", "WireGuard's port is not known yet");
  hub.setHost([], hub.port);
  assert.equal(await hub.portSeen(), "shared");
  hub.setHost([], hub.port === 1 ? 2 : 1);
  assert.equal(await hub.portSeen(), "other");
  close();
});

Deno.test("IceHub takes no stranger's word for the port that it leaves by", async () => {
  const log = createLog("link", { write: () => {} });
  // Its own datagram is held back: the strangers' are all that come.
  const hub = new IceHub({ log, crypto: stunCrypto, clock: () => 0, held: true });
  const strangers = [1, 2].map(() => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
  const [wireguard, other] = strangers;
  hub.setHost([], (wireguard!.addr as Deno.NetAddr).port);
  for (const stranger of [wireguard!, other!]) {
    const answer = hub.portSeen();
    const guess = encodeStun({ class: "success", transaction: stunCrypto.random(12), fields: [] });
    await stranger.send(guess, { transport: "udp", hostname: "127.0.0.1", port: hub.port });
    assert.equal(await answer, "none");
  }
  for (const stranger of strangers) stranger.close();
  hub.close();
});
