/** Ports that are chosen before they are used. */

/** A UDP port that nobody uses now: nftables has to know WireGuard's port before WireGuard has it. */
export function freePort(): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}
