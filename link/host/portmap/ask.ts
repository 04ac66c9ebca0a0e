/** One question to the router by UDP, from a socket of its own: only what comes from where it was sent counts. */
import { readDatagrams } from "../../../mesh/host/datagrams.ts";
import type { TransportAddress } from "../../../mesh/wire/stun/mod.ts";

/** Waits for an answer, in ms: the request is sent again after each (RFC 6886 section 3.1 begins with 250). */
const WAITS = [250, 500, 1_000];

/**
 * Asks, and gives the first answer that `read` takes; null when there is none.
 * @param o.source the address that it is sent from, which keeps it on the interface towards the router
 * @param o.from whose answers count; a whole address for PCP, for SSDP any port of it
 */
export async function askRouter<T>(o: {
  source: string;
  to: readonly { at: TransportAddress; bytes: Uint8Array }[];
  from: { address: string; port: number | null };
  read: (bytes: Uint8Array) => T | null;
}): Promise<T | null> {
  let socket: Deno.DatagramConn;
  try {
    socket = Deno.listenDatagram({ transport: "udp", hostname: o.source, port: 0 });
  } catch {
    return null; // the address is gone
  }
  const answer = Promise.withResolvers<T>();
  const reading = readDatagrams(socket, (bytes, { hostname, port }) => {
    if (hostname !== o.from.address || (o.from.port !== null && port !== o.from.port)) return;
    try {
      const read = o.read(bytes);
      if (read !== null) answer.resolve(read);
    } catch { /* not an answer */ }
  });
  try {
    for (const wait of WAITS) {
      for (const { at, bytes } of o.to) {
        await socket.send(bytes, { transport: "udp", hostname: at.address, port: at.port }).catch(() => {});
      }
      const late = Promise.withResolvers<null>();
      const timer = setTimeout(() => late.resolve(null), wait);
      const got = await Promise.race([answer.promise, late.promise]);
      clearTimeout(timer);
      if (got !== null) return got;
    }
    return null;
  } finally {
    socket.close();
    await reading;
  }
}
