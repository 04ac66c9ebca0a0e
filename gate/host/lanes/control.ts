/**
 * Where the kernel's rules lead control STUN: a socket for each of the gate's own addresses, so that the gate knows by which of them
 * an end reaches it. All of them have the first port of the lanes' range, which a firewall that lets the range in lets in too.
 */
import { readDatagrams } from "../../../mesh/host/datagrams.ts";
import type { Log } from "../../../mesh/host/log.ts";

export class ControlSockets {
  readonly #o: { port: number; log: Log; heard(bytes: Uint8Array, from: Deno.NetAddr, local: string): void };
  readonly #sockets = new Map<string, Deno.DatagramConn>();
  /** Addresses that would not open, said once. */
  readonly #refused = new Set<string>();

  constructor(o: { port: number; log: Log; heard(bytes: Uint8Array, from: Deno.NetAddr, local: string): void }) {
    this.#o = o;
  }

  /** Brings the sockets in line with the host's addresses. */
  follow(addresses: readonly string[]): void {
    const wanted = new Set(addresses);
    for (const [address, socket] of this.#sockets) {
      if (wanted.has(address)) continue;
      this.#sockets.delete(address);
      socket.close();
    }
    for (const address of wanted) {
      if (this.#sockets.has(address)) continue;
      try {
        const socket = Deno.listenDatagram({ transport: "udp", hostname: address, port: this.#o.port });
        this.#sockets.set(address, socket);
        this.#refused.delete(address);
        void readDatagrams(socket, (bytes, from) => this.#o.heard(bytes, from, address));
      } catch (error) {
        // An IPv6 address that is still being checked for twins (RFC 4862) refuses for a second or two.
        if (this.#refused.has(address)) continue;
        this.#refused.add(address);
        this.#o.log.warn("no lanes over this address yet", { address, port: this.#o.port, error });
      }
    }
  }

  send(local: string, bytes: Uint8Array, to: Deno.NetAddr): void {
    this.#sockets.get(local)?.send(bytes, to).catch(() => {}); // lost, as UDP is
  }

  close(): void {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.close();
  }
}
