import assert from "node:assert/strict";
import { answerBinding } from "../core/stun.ts";
import { StunServer } from "./stun.ts";
import { random } from "./testing.ts";

function request(): Uint8Array {
  return Uint8Array.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...random(12)]);
}

for (
  const [name, listen, client, to, bytes] of [
    ["IPv4", "0.0.0.0", "127.0.0.1", "127.0.0.1", [127, 0, 0, 1]],
    ["IPv6", "::", "::1", "::1", [...new Array(15).fill(0), 1]],
    ["IPv4 on an IPv6 socket", "::", "127.0.0.1", "127.0.0.1", [127, 0, 0, 1]],
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
      const expected = answerBinding(asked, {
        address: Uint8Array.from(bytes),
        port: (own.addr as Deno.NetAddr).port,
      });
      assert.deepEqual([...answer], [...expected!]);
      assert.equal(server.answered, 1);
    } finally {
      own.close();
      server.close();
    }
  });
}
