import assert from "node:assert/strict";
import { SOCKETS } from "../core/guess/mod.ts";
import { stunCrypto } from "./crypto.ts";
import { Guess } from "./guess.ts";
import { stunServer } from "./testing_stun.ts";

const TARGET = { address: "127.0.0.1", port: 9 };

/** A STUN server, and a guess of the hard side; `told` counts what the other side was told. */
function hardSide() {
  const server = stunServer();
  let told = 0;
  const guess = new Guess({
    crypto: stunCrypto,
    probe: () => null,
    recognises: () => false,
    send: () => {},
    datagram: () => {},
    tell: () => told++,
    joined: () => Promise.resolve(),
    ended: () => {},
    rearm: () => {},
    now: () => 0,
  });
  const close = async () => {
    guess.close();
    await server[Symbol.asyncDispose]();
  };
  const open = () => guess.open({ target: TARGET, server: server.at });
  return { guess, open, told: () => told, close };
}

Deno.test("Guess that is stopped while it asks, and begun again, opens its sockets once", async () => {
  const { guess, open, told, close } = hardSide();
  const opened: Deno.DatagramConn[] = [];
  const real = Deno.listenDatagram;
  // Those that ask are of the same kind; they are closed by the time that is looked.
  Deno.listenDatagram = ((o: Deno.UdpListenOptions & { transport: "udp" }) => {
    const socket = real(o);
    opened.push(socket);
    return socket;
  }) as typeof Deno.listenDatagram;
  try {
    const first = open();
    guess.reset();
    const second = open();
    assert.deepEqual(await Promise.all([first, second]), [false, true]);
    assert.equal(told(), 1);
    assert.equal(guess.running, true);
    assert.ok(opened.length < 2 * SOCKETS);
  } finally {
    Deno.listenDatagram = real;
    await close(); // a socket that stayed open is a leak, which the test runner sees
  }
});

Deno.test("Guess that gets no socket ends, and may begin again", async () => {
  const { guess, open, told, close } = hardSide();
  const real = Deno.listenDatagram;
  let left = 20;
  Deno.listenDatagram = ((o: Deno.UdpListenOptions & { transport: "udp" }) => {
    if (left-- <= 0) throw new Error("Too many open files (os error 24)");
    return real(o);
  }) as typeof Deno.listenDatagram;
  try {
    assert.equal(await open(), false);
    assert.equal(guess.running, false);
    left = 0; // not even for the first question
    assert.equal(await open(), false);
    assert.equal(guess.running, false);
    left = Infinity;
    assert.equal(await open(), true);
    assert.equal(told(), 1);
  } finally {
    Deno.listenDatagram = real;
    await close();
  }
});
