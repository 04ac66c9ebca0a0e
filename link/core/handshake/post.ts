/**
 * The first handshake by sealed signals: while no rung carries packets to a peer that is probably there, WireGuard's own three
 * messages go as signals do (the coordinator's mailbox), so that both ends have keys when the first rung comes up. Nothing else may: the
 * mailbox is no relay for data, and whoever is away is written to in vain.
 */
import { isInitiation, isResponse } from "./tie.ts";

/** Who was heard of so long ago is probably there, in ms. */
const HEARD = 10_000;
/** Packets for one peer within PERIOD, in ms. */
const MOST = 6;
const PERIOD = 60_000;
/**
 * A message that was kept on its way for longer is void, in ms: it waited for a daemon that was away, or for a connection that was dead,
 * and whoever sent it has begun anew since. WireGuard would take an old initiation for the newest and give up its own for it.
 */
export const FRESH = 1_000;
/** Bytes of WireGuard's messages (whitepaper, 5.4.2, 5.4.3, and 5.4.6 without data). */
const LENGTHS = { initiation: 148, response: 92, empty: 32 };
const DATA = 4;

/** True for a packet of WireGuard's with data in it, which a keepalive is not. */
export function carriesData(packet: Uint8Array): boolean {
  return packet[0] === DATA && packet.length > LENGTHS.empty;
}

/** True for what goes by signal: an initiation, its response, and the empty packet that confirms it. */
export function mayGoBySignal(packet: Uint8Array): boolean {
  if (isInitiation(packet)) return packet.length === LENGTHS.initiation;
  if (isResponse(packet)) return packet.length === LENGTHS.response;
  return packet[0] === DATA && packet.length === LENGTHS.empty;
}

/** What of one peer's packets may be sent by signal. */
export class HandshakePost {
  #until = -Infinity;
  /** The peer has answered by signal, which is still to be confirmed. */
  #unconfirmed = false;
  #sent: number[] = [];

  /** The peer is probably there. */
  heard(now: number): void {
    this.#until = now + HEARD;
  }

  /** A packet of the peer came by signal; false when it is none that may. */
  came(packet: Uint8Array, now: number): boolean {
    if (!mayGoBySignal(packet)) return false;
    this.heard(now);
    if (isResponse(packet)) this.#unconfirmed = true;
    return true;
  }

  /** Whether this packet is to be sent by signal, which counts as done. */
  take(packet: Uint8Array, now: number): boolean {
    if (now >= this.#until || !mayGoBySignal(packet)) return false;
    if (packet[0] === DATA && !this.#unconfirmed) return false;
    this.#sent = this.#sent.filter((at) => at > now - PERIOD);
    if (this.#sent.length >= MOST) return false;
    this.#sent.push(now);
    if (packet[0] === DATA) this.#unconfirmed = false;
    return true;
  }
}
