/** Lanes through this process, for pairs of two families and for hosts whose kernel cannot: a UDP socket a lane. */
import type { LanePath } from "../../core/lanes/lane.ts";
import { readDatagrams } from "../../../mesh/host/datagrams.ts";
import { isLaneControl } from "../../../mesh/wire/lane.ts";
import { sourceOf } from "../../core/source.ts";

export class LoopLane {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #dual: boolean;
  readonly #control: (bytes: Uint8Array, from: Deno.NetAddr) => void;
  #targets = new Map<string, Deno.NetAddr>();
  /** The same by the sources as the socket writes them: only the ends' own, so at most two. */
  #seen = new Map<string, Deno.NetAddr>();
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
    void readDatagrams(this.#socket, (bytes, from) => this.#packet(bytes, from));
  }

  set(path: LanePath): void {
    const [a, b] = path;
    const address = (x: { address: string; port: number }): Deno.NetAddr => ({
      transport: "udp",
      hostname: this.#dual && !x.address.includes(":") ? `::ffff:${x.address}` : x.address,
      port: x.port,
    });
    this.#seen.clear();
    this.#targets = new Map([[`${a.address} ${a.port}`, address(b)], [`${b.address} ${b.port}`, address(a)]]);
  }

  send(bytes: Uint8Array, to: Deno.NetAddr): void {
    this.#socket.send(bytes, to).catch(() => {}); // lost, as UDP is
  }

  #packet(bytes: Uint8Array, from: Deno.NetAddr): void {
    if (isLaneControl(bytes)) return this.#control(bytes, from);
    const to = this.#target(from);
    if (!to) {
      this.unproved++;
      return;
    }
    this.packets++;
    this.bytes += bytes.length;
    // WireGuard's transport data with something in it.
    if (bytes[0] === 4 && bytes.length > 32) this.used = true;
    this.send(bytes, to);
  }

  #target({ hostname, port }: Deno.NetAddr): Deno.NetAddr | undefined {
    const written = `${hostname} ${port}`;
    const known = this.#seen.get(written);
    if (known) return known;
    const to = this.#targets.get(`${sourceOf(hostname, port).address} ${port}`);
    if (to) this.#seen.set(written, to);
    return to;
  }

  close(): void {
    this.#socket.close();
  }
}
