/** One peer's sockets on the loopback: WireGuard sends there while the path goes through this process. */
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import type { Endpoint } from "../core/plan/mod.ts";

const ADDRESS = { 4: "127.0.0.1", 6: "::1" } as const;

/** IP's version. */
export type Family = keyof typeof ADDRESS;

/** What the sockets need. */
export interface LoopbackOptions {
  /** WireGuard's own port. */
  wgPort(): number;
  /** WireGuard sent this. */
  received(packet: Uint8Array): void;
}

/** The sockets; that of IPv6 is opened when it is first needed. */
export class Loopback {
  readonly #o: LoopbackOptions;
  readonly #sockets = new Map<Family, Deno.DatagramConn>();

  constructor(o: LoopbackOptions) {
    this.#o = o;
    this.#socket(4);
  }

  #socket(family: Family): Deno.DatagramConn {
    const open = this.#sockets.get(family);
    if (open) return open;
    const socket = Deno.listenDatagram({ transport: "udp", hostname: ADDRESS[family], port: 0 });
    this.#sockets.set(family, socket);
    // Anybody on this machine can send here; WireGuard's own port is who should.
    void readDatagrams(socket, (packet, from) => {
      if (from.port === this.#o.wgPort()) this.#o.received(packet);
    });
    return socket;
  }

  /** Hands a packet to WireGuard, as if the peer were here. */
  send(packet: Uint8Array, family: Family): void {
    const to: Deno.NetAddr = { transport: "udp", hostname: ADDRESS[family], port: this.#o.wgPort() };
    this.#socket(family).send(packet, to).catch(() => {}); // WireGuard is being restarted: the sender's TCP will send again
  }

  /** Where WireGuard should send. */
  address(family: Family): Endpoint {
    return { address: ADDRESS[family], port: (this.#socket(family).addr as Deno.NetAddr).port };
  }

  /** Closes the sockets. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }
}
