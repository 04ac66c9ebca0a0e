/** A STUN server for tests, on the loopback: it sees everybody at one address, by their own ports. */
import { decodeStun, encodeStun, field, XOR_MAPPED_ADDRESS } from "../../mesh/wire/stun/mod.ts";
import { LOOPBACK, portOf } from "./testing_peer.ts";

/** What it answers to one who asks from this port. */
export function answerTo(bytes: Uint8Array, port: number): Uint8Array {
  const { transaction } = decodeStun(bytes);
  const mapped = field(XOR_MAPPED_ADDRESS, { address: "203.0.113.9", port });
  return encodeStun({ class: "success", transaction, fields: [mapped], fingerprint: true });
}

/** Starts one, at a port that was free just now where one is named. */
export function stunServer(port = 0) {
  const socket = Deno.listenDatagram({ ...LOOPBACK, port });
  const answering = (async () => {
    for await (const [bytes, from] of socket) {
      await socket.send(answerTo(bytes, (from as Deno.NetAddr).port), from);
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
