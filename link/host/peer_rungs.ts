/** One peer's relayed rungs: a carrier of each transport, what those that are up have said, and sending by the best. */
import type { Log } from "../../mesh/host/log.ts";
import type { PathEvent } from "../core/path/event.ts";
import { sameAddress, type TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import type { Carrier, CarrierHost, Transport, Up } from "./transport.ts";

/** What the rungs need of their peer. */
export interface RungsHost extends Omit<CarrierHost, "up" | "down"> {
  /** Tells the peer's path machine. */
  event(event: PathEvent): void;
  log: Log;
  /** A rung that this process sends by has come up. */
  carries(): void;
}

interface RungState {
  transport: Transport;
  carrier: Carrier;
  /** What it said when it came up; null while it is down. */
  up: Up | null;
  /** Where WireGuard sent while it was up last, and before it moved there. */
  last: TransportAddress | null;
  before: TransportAddress | null;
  /** After a fault of its own it is not asked for deadlines before this, in ms. */
  restsUntil: number;
}

/** How long a rung rests that has thrown, in ms: what is due at once would throw again at once. */
const REST = 1_000;

/** The rungs, best first. */
export class PeerRungs {
  readonly #host: RungsHost;
  readonly #rungs: RungState[] = [];

  constructor(transports: readonly Transport[], host: RungsHost) {
    this.#host = host;
    for (const transport of transports.toSorted((a, b) => a.rank - b.rank)) this.#open(transport);
  }

  #open(transport: Transport): void {
    const { rung, rank } = transport;
    const host = this.#host;
    const carrier = transport.open({
      ...host,
      up: (up) => {
        entry.up = up;
        if (entry.last && up.wireguard && !sameAddress(entry.last, up.wireguard)) entry.before = entry.last;
        entry.last = up.wireguard ?? null;
        const { endpoint, rttMs, wireguard = null } = up;
        host.event({ kind: "relayUp", relay: { rung, rank, endpoint, rttMs, wireguard } });
        if (carrier.send) host.carries();
      },
      down: () => {
        entry.up = null;
        host.event({ kind: "relayDown", rung });
      },
    });
    const entry: RungState = { transport, carrier, up: null, last: null, before: null, restsUntil: 0 };
    this.#rungs.push(entry);
  }

  /** Does something with each carrier, best first; what one of them throws costs neither the others nor the daemon. */
  each(act: (carrier: Carrier) => void): void {
    for (const rung of this.#rungs) this.#guarded(rung, act);
  }

  #guarded(rung: RungState, act: (carrier: Carrier) => void): void {
    try {
      act(rung.carrier);
    } catch (error) {
      rung.restsUntil = this.#host.now() + REST;
      this.#host.log.error("A rung has a fault", { rung: rung.transport.rung, peer: this.#host.peerId, error });
    }
  }

  /** Runs the timers that are due. */
  tick(): void {
    const now = this.#host.now();
    for (const rung of this.#rungs) {
      const due = dueAt(rung);
      if (due !== null && due <= now) this.#guarded(rung, (carrier) => carrier.tick?.());
    }
  }

  /** Sends by the rung in use, or by the best that is up while WireGuard is still on another one; false when none takes it. */
  send(packet: Uint8Array, inUse: Rung): boolean {
    let used: RungState | null = null;
    for (const rung of this.#rungs) {
      rung.carrier.packetSeen?.(packet);
      if (rung.transport.rung === inUse) used = rung;
    }
    if (used && offer(used, packet)) return true;
    for (const rung of this.#rungs) if (rung !== used && offer(rung, packet)) return true;
    return false;
  }

  /** What keeps better rungs than the one in use down, as far as they know; null when nothing does. */
  why(inUse: Rung): string | null {
    const at = this.#rungs.findIndex(({ transport }) => transport.rung === inUse);
    const better = at < 0 ? this.#rungs : this.#rungs.slice(0, at);
    return better.map(({ carrier }) => carrier.why?.() ?? null).find((why) => why !== null) ?? null;
  }

  /** The path has left this rung for good. */
  release(rung: string): void {
    this.#rungs.find(({ transport }) => transport.rung === rung)?.carrier.release?.();
  }

  /** Where WireGuard sent last on a rung of its own that is not at `remote`, or null. */
  left(remote: TransportAddress): TransportAddress | null {
    const all = this.#rungs.flatMap(({ last, before }) => [last, before]);
    return all.find((address) => address !== null && !sameAddress(address, remote)) ?? null;
  }

  /** When each is due, in ms; null when it waits for nothing. */
  deadlines(): (number | null)[] {
    return this.#rungs.map(dueAt);
  }
}

function dueAt({ carrier, restsUntil }: RungState): number | null {
  const due = carrier.nextDeadline?.() ?? null;
  return due === null ? null : Math.max(due, restsUntil);
}

/** True when the rung took the packet. */
function offer({ up, carrier }: RungState, packet: Uint8Array): boolean {
  return up !== null && carrier.send?.(packet) === true;
}
