import assert from "node:assert/strict";
import { decodeTicketAnswer, encodeTicketRequest } from "../../mesh/wire/gate_ticket.ts";
import { answerBinding, readBinding } from "../core/stun.ts";
import { Tickets } from "../core/tickets.ts";
import { StunServer } from "./stun.ts";
import { random } from "./testing.ts";
import { hmacSha256 } from "./testing_gate.ts";

function request(): Uint8Array {
  return Uint8Array.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...random(12)]);
}

for (
  const [name, listen, client, to] of [
    ["IPv4", "0.0.0.0", "127.0.0.1", "127.0.0.1"],
    ["IPv6", "::", "::1", "::1"],
    ["IPv4 on an IPv6 socket", "::", "127.0.0.1", "127.0.0.1"],
  ] as const
) {
  Deno.test(`StunServer tells ${name} clients their address and ignores the rest`, async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: listen, port: 0 });
    const port = (socket.addr as Deno.NetAddr).port;
    const server = new StunServer(socket);
    const own = Deno.listenDatagram({ transport: "udp", hostname: client, port: 0 });
    try {
      const where = { transport: "udp" as const, hostname: to, port };
      await own.send(random(64), where);
      await own.send(request().subarray(1), where);
      const asked = request();
      await own.send(asked, where);
      const [answer] = await own.receive();
      const expected = answerBinding(readBinding(asked)!, {
        from: { address: client, port: (own.addr as Deno.NetAddr).port },
      });
      assert.deepEqual([...answer], [...expected]);
      assert.equal(server.answered, 1);
    } finally {
      own.close();
      server.close();
    }
  });
}

Deno.test("StunServer answers from its other port when RFC 5780's CHANGE-REQUEST asks for that, and never from another address", async () => {
  const listen = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const [socket, alternate, own] = [listen(), listen(), listen()];
  const portOf = (s: Deno.DatagramConn) => (s.addr as Deno.NetAddr).port;
  const server = new StunServer(socket, { alternate });
  const asking = (flags: number) => Uint8Array.from([0, 1, 0, 8, ...request().subarray(4), 0, 3, 0, 4, 0, 0, 0, flags]);
  try {
    for (const [asked, flags, from] of [[socket, 0, socket], [socket, 2, alternate], [alternate, 2, socket]] as const) {
      // The one before asks for another address: silence, so that the next answer is to the next question.
      await own.send(asking(4), asked.addr);
      await own.send(asking(flags), asked.addr);
      const [, answerer] = await own.receive();
      assert.equal((answerer as Deno.NetAddr).port, portOf(from));
    }
    assert.equal(server.answered, 3);
  } finally {
    own.close();
    server.close();
  }
});

Deno.test("StunServer gives a ticket for the asking address to who asks for one, and nothing else where it serves nothing else", async () => {
  const listen = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const [socket, own] = [listen(), listen()];
  const tickets = new Tickets({ key: random(32), hmac: hmacSha256 });
  const server = new StunServer(socket, { tickets, ticketsOnly: true });
  try {
    const transaction = random(12);
    await own.send(request(), socket.addr);
    await own.send(encodeTicketRequest(transaction), socket.addr);
    const [answer] = await own.receive();
    const ticket = decodeTicketAnswer(answer, transaction);
    assert.ok(ticket, "the plain question before it was answered");
    assert.ok(tickets.holds(ticket, Uint8Array.of(127, 0, 0, 1), Date.now()));
    assert.equal(server.answered, 1);
  } finally {
    own.close();
    server.close();
  }
});
