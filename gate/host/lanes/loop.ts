/** A lane through this process, for pairs of two families and for hosts whose kernel cannot: a UDP socket a lane. */
import type { LanePath } from "../../core/lanes/lane.ts";
import { isLaneControl } from "../../../mesh/wire/lane.ts";
import { sourceOf } from "../../core/source.ts";

/** Whether so many bytes of an end may be passed on now. */
export type Spend = (bytes: number) => boolean;

export class LoopLane {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #dual: boolean;
  readonly #control: (bytes: Uint8Array, from: Deno.NetAddr) => void;
  #targets = new Map<string, { to: Deno.NetAddr; spend: Spend }>();
  #closed = false;
  readonly counts = { packets: 0, bytes: 0, unproved: 0, limited: 0 };
  /** Data crossed since this was last set to false. */
  used = false;

  /**
   * @param o.control takes control STUN
   * @throws Deno.errors.AddrInUse
   */
  constructor(o: { hostname: string; port: number; control(bytes: Uint8Array, from: Deno.NetAddr): void }) {
    this.port = o.port;
    this.#dual = o.hostname.includes(":");
    this.#control = o.control;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: o.hostname, port: o.port });
    void this.#serve();
  }

  /** Passes packets between these two from now on; `spend` pays for those of either end. */
  set(path: LanePath, spend: readonly [Spend, Spend]): void {
    const address = (end: 0 | 1): Deno.NetAddr => {
      const { address, port } = path[end];
      const hostname = this.#dual && !address.includes(":") ? `::ffff:${address}` : address;
      return { transport: "udp", hostname, port };
    };
    const key = (end: 0 | 1) => `${path[end].address} ${path[end].port}`;
    this.#targets = new Map([
      [key(0), { to: address(1), spend: spend[0] }],
      [key(1), { to: address(0), spend: spend[1] }],
    ]);
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
      if (isLaneControl(bytes)) this.#control(bytes, from);
      else this.#pass(bytes, from);
    }
  }

  #pass(bytes: Uint8Array, from: Deno.NetAddr): void {
    const { address } = sourceOf(from.hostname, from.port);
    const target = this.#targets.get(`${address} ${from.port}`);
    if (!target) {
      this.counts.unproved++;
    } else if (!target.spend(bytes.length)) {
      this.counts.limited++;
    } else {
      this.counts.packets++;
      this.counts.bytes += bytes.length;
      // WireGuard's transport data with something in it.
      if (bytes[0] === 4 && bytes.length > 32) this.used = true;
      this.send(bytes, target.to);
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}
