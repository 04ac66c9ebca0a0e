/** A STUN server for tests, on the loopback: it sees everybody at one address, by their own ports. */
import { decodeStun, encodeStun, field, XOR_MAPPED_ADDRESS } from "../../mesh/wire/stun/mod.ts";
import { LOOPBACK, open, portOf } from "./testing_peer.ts";

/** Starts one. */
export function stunServer() {
  const socket = open();
  const answering = (async () => {
    for await (const [bytes, from] of socket) {
      const { transaction } = decodeStun(bytes);
      const mapped = field(XOR_MAPPED_ADDRESS, { address: "203.0.113.9", port: (from as Deno.NetAddr).port });
      await socket.send(encodeStun({ class: "success", transaction, fields: [mapped], fingerprint: true }), from);
    }
  })();
  return {
    at: { address: LOOPBACK.hostname, port: portOf(socket) },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await answering;
    },
  };
}
