import assert from "node:assert/strict";
import { MAX_DATAGRAM, readDatagrams } from "./datagrams.ts";

Deno.test("readDatagrams() hands on every datagram as bytes to keep, cuts what is too large, and ends with the socket", async () => {
  const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const [receiver, sender] = [open(), open()];
  const got: Uint8Array[] = [];
  const whole = Promise.withResolvers<void>();
  const sizes = [0, 1, 1_312, MAX_DATAGRAM, MAX_DATAGRAM + 500, 7];
  const reading = readDatagrams(receiver, (bytes, from) => {
    assert.deepEqual({ ...from }, { ...sender.addr });
    if (got.push(bytes) === sizes.length) whole.resolve();
  });
  for (const [i, size] of sizes.entries()) await sender.send(new Uint8Array(size).fill(i + 1), receiver.addr);
  await whole.promise;
  receiver.close();
  await reading;
  sender.close();
  assert.deepEqual(got.map((bytes) => bytes.length), sizes.map((size) => Math.min(size, MAX_DATAGRAM)));
  for (const [i, bytes] of got.entries()) assert.ok(bytes.every((byte) => byte === i + 1), `datagram ${i}`);
});
