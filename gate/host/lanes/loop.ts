/** A lane through this process, for pairs of two families and for hosts whose kernel cannot: a UDP socket a lane. */
import type { LanePath } from "../../core/lanes/lane.ts";
import { readDatagrams } from "../../../mesh/host/datagrams.ts";
import { isLaneControl } from "../../../mesh/wire/lane.ts";
import { sourceOf } from "../../core/source.ts";
import { noCounts } from "./counts.ts";

/** Whether so many bytes of an end may be passed on now. */
export type Spend = (bytes: number) => boolean;

/** Where an end's packets go, and who pays. */
interface Target {
  to: Deno.NetAddr;
  spend: Spend;
}

export class LoopLane {
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #dual: boolean;
  readonly #control: (bytes: Uint8Array, from: Deno.NetAddr) => void;
  #targets = new Map<string, Target>();
  /** The same by the sources as the socket writes them: only the ends' own, so at most two. */
  readonly #seen = new Map<string, Target>();
  readonly counts = noCounts();
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
    void readDatagrams(this.#socket, (bytes, from) => {
      if (isLaneControl(bytes)) this.#control(bytes, from);
      else this.#pass(bytes, this.#target(from));
    });
  }

  /** Passes packets between these two from now on; `spend` pays for those of either end. */
  set(path: LanePath, spend: readonly [Spend, Spend]): void {
    const address = (end: 0 | 1): Deno.NetAddr => {
      const { address, port } = path[end];
      const hostname = this.#dual && !address.includes(":") ? `::ffff:${address}` : address;
      return { transport: "udp", hostname, port };
    };
    const key = (end: 0 | 1) => `${path[end].address} ${path[end].port}`;
    this.#seen.clear();
    this.#targets = new Map([
      [key(0), { to: address(1), spend: spend[0] }],
      [key(1), { to: address(0), spend: spend[1] }],
    ]);
  }

  send(bytes: Uint8Array, to: Deno.NetAddr): void {
    this.#socket.send(bytes, to).catch(() => {}); // lost, as UDP is
  }

  #target({ hostname, port }: Deno.NetAddr): Target | undefined {
    const written = `${hostname} ${port}`;
    const known = this.#seen.get(written);
    if (known) return known;
    const target = this.#targets.get(`${sourceOf(hostname, port).address} ${port}`);
    if (target) this.#seen.set(written, target);
    return target;
  }

  #pass(bytes: Uint8Array, target: Target | undefined): void {
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
    this.#socket.close();
  }
}
