import assert from "node:assert/strict";
import { RUN, Turns } from "./turns.ts";

Deno.test("Turns lets the rest of the process act within a long run of what is ready, and only every RUN times", async () => {
  const turns = new Turns();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let received = false;
  const arrival = socket.receive(new Uint8Array(16)).then(() => received = true);
  await socket.send(new Uint8Array(1), socket.addr);
  let packets = 0, waits = 0;
  while (!received && packets < 1_000_000) {
    await Promise.resolve(); // ready at once, as a datagram that is there
    packets++;
    const turn = turns.next();
    if (turn) await turn;
    if (turn) waits++;
  }
  assert.ok(received, "the socket was never looked at");
  assert.equal(waits, Math.floor(packets / RUN));
  await arrival;
  socket.close();
});
