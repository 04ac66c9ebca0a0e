/** What WireGuard's counters tell of one peer: whether data goes to it, and whether something has come from it just now. */
import { carriesData } from "../handshake/post.ts";
import type { Counters } from "./tunnel_watch.ts";

/** More than handshakes and keepalives, in bytes within WITHIN. */
const DATA = 256;
const WITHIN = 10_000;
/** Data that was seen counts for so long, in ms: counters are read every ten seconds at least. */
const BUSY = 15_000;
/** Counters that were read longer ago, in ms, do not tell what came just now. */
const FRESH = 1_500;

/** What one look told. */
export interface Seen {
  /** Somebody sends data to the peer. */
  busy: boolean;
  /** Something authentic of the peer has come since the last look, which was a moment ago. */
  heard: boolean;
}

export class Traffic {
  #last: Counters & { at: number } | null = null;
  #mark: { txBytes: number; at: number } | null = null;
  #busyUntil = -Infinity;
  #packetAt = -Infinity;

  /** Whether anything at all was sent to the peer lately; a single packet that no counter was read for counts too. */
  used(now: number): boolean {
    return now < Math.max(this.#busyUntil, this.#packetAt + BUSY);
  }

  /** WireGuard has sent a packet by way of this process. */
  packet(packet: Uint8Array, now: number): void {
    if (carriesData(packet)) this.#packetAt = now;
  }

  /** Reads the counters. */
  read({ rxBytes, txBytes }: Counters, now: number): Seen {
    const before = this.#last;
    this.#last = { rxBytes, txBytes, at: now };
    const mark = this.#mark ??= { txBytes, at: now };
    const sent = txBytes - mark.txBytes;
    if (sent > DATA) this.#busyUntil = now + BUSY;
    // Counters that have shrunk are those of a device that was made anew.
    if (sent > DATA || sent < 0 || now - mark.at > WITHIN) this.#mark = { txBytes, at: now };
    const heard = before !== null && rxBytes > before.rxBytes && now - before.at < FRESH;
    return { busy: now < this.#busyUntil, heard };
  }
}
