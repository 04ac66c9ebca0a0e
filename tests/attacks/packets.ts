/**
 * Sends UDP datagrams from chosen addresses and ports: `packets.ts JSON`, a list of `{from, fromPort?, to, port, hex}`, one after
 * another. What leaves as UDP here may be made something else on the way out (an nftables table of the attacker's).
 */
import { createSocket } from "node:dgram";
import { Buffer } from "node:buffer";

/** One datagram. */
export interface Packet {
  from: string;
  fromPort?: number;
  to: string;
  port: number;
  /** Its payload. */
  hex: string;
}

for (const { from, fromPort = 0, to, port, hex } of JSON.parse(Deno.args[0]!) as Packet[]) {
  const socket = createSocket(from.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject).bind(
      fromPort,
      from,
      () => socket.send(Buffer.from(hex, "hex"), port, to, () => resolve()),
    );
  });
  socket.close();
}
