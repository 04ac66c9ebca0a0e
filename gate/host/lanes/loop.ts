/** Lanes through this process, for pairs of two families and for hosts whose kernel cannot: a UDP socket a lane. */
import type { LanePath } from "../../core/lanes/lane.ts";
import { isLaneControl } from "../../../mesh/wire/lane.ts";
import { sourceOf } from "../../core/source.ts";

export class LoopLane {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #dual: boolean;
  readonly #control: (bytes: Uint8Array, from: Deno.NetAddr) => void;
  #targets = new Map<string, Deno.NetAddr>();
  #closed = false;
  packets = 0;
  bytes = 0;
  unproved = 0;
  /** Data crossed since this was last set to false. */
  used = false;

  /**
   * @param o.control takes what is no packet of either end
   * @throws Deno.errors.AddrInUse
   */
  constructor(o: { hostname: string; port: number; control(bytes: Uint8Array, from: Deno.NetAddr): void }) {
    this.port = o.port;
    this.#dual = o.hostname.includes(":");
    this.#control = o.control;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: o.hostname, port: o.port });
    void this.#serve();
  }

  set(path: LanePath): void {
    const [a, b] = path;
    const address = (x: { address: string; port: number }): Deno.NetAddr => ({
      transport: "udp",
      hostname: this.#dual && !x.address.includes(":") ? `::ffff:${x.address}` : x.address,
      port: x.port,
    });
    this.#targets = new Map([[`${a.address} ${a.port}`, address(b)], [`${b.address} ${b.port}`, address(a)]]);
  }

  send(bytes: Uint8Array, to: Deno.NetAddr): void {
    this.#socket.send(bytes, to).catch(() => {}); // lost, as UDP is
  }

  async #serve(): Promise<void> {
    while (!this.#closed) {
      let got: [Uint8Array, Deno.Addr];
      try {
        got = await this.#socket.receive();
      } catch {
        continue; // closed, or an ICMP error for an earlier packet
      }
      const [bytes, from] = [got[0], got[1] as Deno.NetAddr];
      const { address } = sourceOf(from.hostname, from.port);
      const to = this.#targets.get(`${address} ${from.port}`);
      if (isLaneControl(bytes)) this.#control(bytes, from);
      else if (to) {
        this.packets++;
        this.bytes += bytes.length;
        // WireGuard's transport data with something in it.
        if (bytes[0] === 4 && bytes.length > 32) this.used = true;
        this.send(bytes, to);
      } else this.unproved++;
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}
