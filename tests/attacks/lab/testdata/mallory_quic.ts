/**
 * A stranger who lets a gate answer somebody else over QUIC, as often as first packets can make it: `mallory_quic.ts GATE`. Who it
 * names as its sender is itself, so that it can count. Prints one line of JSON: bytes sent and got, by what it tried.
 */
import { GATE_ALPN, GATE_PORT } from "../../../../mesh/wire/gate_session.ts";
import { GATE_SERVER_NAME } from "../../../../mesh/wire/gate_ticket.ts";
import { another, followUp, makeInitials } from "../../../../scripts/lab/initials.ts";

const to: Deno.NetAddr = { transport: "udp", hostname: Deno.args[0]!, port: GATE_PORT };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends these from one port, a moment between them: the kernel must not join them. */
async function tryOut(packets: Uint8Array<ArrayBuffer>[]): Promise<{ sent: number; got: number }> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const seen = { sent: 0, got: 0 };
  (async () => {
    for await (const [bytes] of socket) seen.got += bytes.length;
  })().catch(() => {});
  for (const packet of packets) {
    seen.sent += await socket.send(packet, to);
    await pause(20);
  }
  await pause(1_500); // a handshake would be repeated after a second
  socket.close();
  return seen;
}

const [hello] = await makeInitials(1, { alpn: GATE_ALPN, serverName: GATE_SERVER_NAME });
const follows = Array.from({ length: 40 }, (_, n) => followUp(hello!, n + 1));
const noted = new Map([
  ["one hello", [another(hello!)]],
  ["a hello, and small packets of its connection", [hello!, ...follows]],
  ["hellos", Array.from({ length: 20 }, () => another(hello!))],
]);
const seen = await Promise.all([...noted].map(async ([what, packets]) => [what, await tryOut(packets)] as const));
console.log(JSON.stringify(Object.fromEntries(seen)));
