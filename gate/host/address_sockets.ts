/**
 * One UDP port of the gate with a socket for each of its own addresses: what comes in tells by which of them the gate was reached, and
 * what goes out has it as its source. A single socket for all addresses sends from whichever the route back prefers, which is
 * another one than was asked where a host has several.
 */
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import type { Log } from "../../mesh/host/log.ts";

export interface AddressSocketsOptions {
  port: number;
  log: Log;
  /** What is missing while an address would not open, for people. */
  without: string;
  /** @param local the address that it came to */
  heard(bytes: Uint8Array, from: Deno.NetAddr, local: string): void;
}

export class AddressSockets {
  readonly #o: AddressSocketsOptions;
  readonly #sockets = new Map<string, Deno.DatagramConn>();
  /** Addresses that would not open, said once. */
  readonly #refused = new Set<string>();

  constructor(o: AddressSocketsOptions) {
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
        this.#o.log.warn(this.#o.without, { address, port: this.#o.port, error });
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
