/**
 * Tickets that prove an address (mesh/wire/gate_ticket.ts): an HMAC over the time, in hours, and the address. Nothing is kept for
 * whoever asks, so a flood of questions fills nothing. A ticket holds in the hour in which it was given and in the next one.
 */
import { equalBytes } from "../../mesh/wire/encoding.ts";
import { TICKET_LENGTH } from "../../mesh/wire/stun/mod.ts";
import type { Hmac } from "../../mesh/wire/lane.ts";

const HOUR = 3_600_000;

export class Tickets {
  readonly #key: Uint8Array;
  readonly #hmac: Hmac;

  /** @param o.key 32 bytes that nobody else knows; as long as they stay the same, tickets outlive a restart */
  constructor(o: { key: Uint8Array; hmac: Hmac }) {
    this.#key = o.key;
    this.#hmac = o.hmac;
  }

  /** The ticket of an address. @param address 4 or 16 bytes @param now ms since 1970 */
  give(address: Uint8Array, now: number): Uint8Array {
    return this.#at(Math.floor(now / HOUR), address);
  }

  /** Whether a ticket is this address's. */
  holds(ticket: Uint8Array, address: Uint8Array, now: number): boolean {
    const hour = Math.floor(now / HOUR);
    return [hour, hour - 1].some((at) => equalBytes(this.#at(at, address), ticket));
  }

  #at(hour: number, address: Uint8Array): Uint8Array {
    const data = new Uint8Array(4 + address.length);
    new DataView(data.buffer).setUint32(0, hour);
    data.set(address, 4);
    return this.#hmac(this.#key, data).subarray(0, TICKET_LENGTH);
  }
}
