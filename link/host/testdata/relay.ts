// deno-lint-ignore-file ghostmesh/no-console -- part of tests
/**
 * One end of a relayed path, in the place of the quic rung: what WireGuard sends to a loopback socket goes to the other end,
 * and what the other end sends comes to WireGuard from that socket, some milliseconds late.
 *
 * `relay.ts WG_PORT OWN PEER DELAY`: OWN and PEER are addresses of one family; prints the ports of its sockets on 127.0.0.1 and
 * ::1. It delivers from the one of that family.
 */
const [wgPort, own, peer, delay] = Deno.args;
const TRUNK = 7000;
const open = (hostname: string, port: number) => Deno.listenDatagram({ transport: "udp", hostname, port });
const trunk = open(own!, TRUNK);
const loop4 = open("127.0.0.1", 0);
const loop6 = open("::1", 0);
const portOf = (socket: Deno.DatagramConn) => (socket.addr as Deno.NetAddr).port;

async function pump(from: Deno.DatagramConn, send: (packet: Uint8Array) => Promise<unknown>) {
  for await (const [packet] of from) await send(packet);
}

const six = own!.includes(":");
const deliver = (packet: Uint8Array) => {
  const [socket, hostname] = six ? [loop6, "::1"] : [loop4, "127.0.0.1"];
  const send = () => socket.send(packet, { transport: "udp", hostname, port: Number(wgPort) });
  setTimeout(() => void send(), Number(delay));
  return Promise.resolve();
};
const toPeer = (packet: Uint8Array) => trunk.send(packet, { transport: "udp", hostname: peer!, port: TRUNK });
console.log(`${portOf(loop4)} ${portOf(loop6)}`);
await Promise.all([pump(loop4, toPeer), pump(loop6, toPeer), pump(trunk, deliver)]);
