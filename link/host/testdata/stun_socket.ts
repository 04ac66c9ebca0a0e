// deno-lint-ignore-file ghostmesh/no-console -- part of tests
/**
 * An ICE socket that knows nothing of ICE: it answers STUN-like requests, or sends some and counts the answers.
 *
 * `stun_socket.ts ADDRESS PORT answer` says `ready`, then `request ADDRESS PORT` for each first sight of a sender;
 * `stun_socket.ts ADDRESS PORT send TO TO_PORT COUNT` says `ready`, then `answers N from ADDRESS PORT`.
 */
const [hostname, port, mode, to, toPort, count] = Deno.args;
const socket = Deno.listenDatagram({ transport: "udp", hostname: hostname!, port: Number(port) });
const REQUEST = 0x01, ANSWER = 0x0101;

function message(type: number, id: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint32(4, 0x2112a442);
  view.setUint32(16, id);
  return bytes;
}

console.log("ready");
if (mode === "answer") {
  const seen = new Set<string>();
  for await (const [packet, from] of socket) {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    if (from.transport !== "udp" || packet.length < 20 || view.getUint16(0) !== REQUEST) continue;
    const name = `request ${from.hostname} ${from.port}`;
    if (!seen.has(name)) console.log(name);
    seen.add(name);
    await socket.send(message(ANSWER, view.getUint32(16)), from);
  }
}

const ids = new Set<number>();
const senders = new Set<string>();
const done = Promise.withResolvers<void>();
void (async () => {
  for await (const [packet, from] of socket) {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    if (packet.length < 20 || view.getUint16(0) !== ANSWER || from.transport !== "udp") continue;
    ids.add(view.getUint32(16));
    senders.add(`${from.hostname} ${from.port}`);
    if (ids.size === Number(count)) done.resolve();
  }
})();
for (let id = 0; id < Number(count); id++) {
  await socket.send(message(REQUEST, id), { transport: "udp", hostname: to!, port: Number(toPort) });
  await new Promise((resolve) => setTimeout(resolve, 5));
}
// What has not come after this on a wire of no length does not come.
await Promise.race([done.promise, new Promise((resolve) => setTimeout(resolve, 1_000))]);
console.log(`answers ${ids.size} from ${[...senders].join()}`);
Deno.exit(0);
