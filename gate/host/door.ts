/**
 * Who gets through the QUIC port's door. Nobody gets more bytes than it sent before its address is proved (SECURITY.md, row 16): Deno has no
 * Retry, so the first packet has to show a ticket (mesh/wire/gate_ticket.ts) in the server name that it asks for, and who shows none
 * that holds is turned away at once.
 *
 * Measured on Deno 2.9.6: a QuicIncoming is used up by the first look at it (its address too), so who it is shows only once it is
 * accepted. With `zeroRtt` that gives the connection, its server name and its address at once, before anything has left; a connection
 * that is closed there sends one datagram of 1,200 bytes, as long as an Initial has to be. One that is left alone sends 3,738 bytes
 * within a second for an Initial of 1,200. Each of the Initials that may follow is answered by that datagram again, also small
 * ones, which RFC 9000 section 14.1 has servers drop: where nft is at hand, the kernel does (gate/core/initials.ts), elsewhere
 * three bytes for one is the bound that QUIC itself sets. Turning somebody away costs 0.2 ms of a core, and 35 KB while QUIC remembers it.
 */
import { ticketInName } from "../../mesh/wire/gate_ticket.ts";
import { CLOSE } from "../core/event.ts";
import { sourceOf } from "../core/source.ts";
import type { Tickets } from "../core/tickets.ts";

/**
 * Handshakes under way at once of those whose address is proved, and of one source (source.ts). What comes on top is not answered, or
 * turned away, and a node tries again.
 */
const MAX_HANDSHAKES = 1_024;
const MAX_HANDSHAKES_OF_ONE = 128;
/**
 * Connections that may be turned away within the time that QUIC remembers one (three times its first probe timeout), in ms. What comes
 * on top, in a flood from addresses that are not its own, is not answered, so that it costs little; a node tries again.
 */
const MAX_TURNED_AWAY = 3_072;
const REMEMBERED = 3_000;

export interface DoorOptions {
  tickets: Tickets;
  /** ms since 1970, which tickets go by. */
  now(): number;
  /** A handshake is complete. */
  opened(conn: Deno.QuicConn): void;
}

export class Door {
  readonly #o: DoorOptions;
  /** Handshakes under way, by source. */
  readonly #bySource = new Map<string, number>();
  /** When connections were turned away that QUIC may still remember, by a clock that is never set back, in ms. */
  readonly #remembered: number[] = [];
  /** Handshakes under way. */
  handshakes = 0;
  /** Connections turned away since the start. */
  turnedAway = 0;

  constructor(o: DoorOptions) {
    this.#o = o;
  }

  /** Somebody's first packet. */
  async take(incoming: Deno.QuicIncoming): Promise<void> {
    if (this.handshakes >= MAX_HANDSHAKES || !this.#mayTurnAway()) return incoming.ignore();
    let conn: Deno.QuicConn;
    try {
      conn = incoming.accept({ zeroRtt: true });
    } catch {
      return; // no client's first packet
    }
    conn.closed.catch(() => {}); // its line says it, once there is one
    // In the same turn: the handshake leaves after it.
    const source = this.#provedSource(conn);
    const under = source === null ? 0 : this.#bySource.get(source) ?? 0;
    if (source === null || under >= MAX_HANDSHAKES_OF_ONE) return this.#turnAway(conn);
    this.#bySource.set(source, under + 1);
    this.handshakes++;
    try {
      await conn.handshake;
      this.#o.opened(conn);
    } catch {
      // The handshake came to nothing: a scanner, a lost packet, another protocol.
    } finally {
      this.handshakes--;
      const left = this.#bySource.get(source)! - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    }
  }

  #mayTurnAway(): boolean {
    const since = performance.now() - REMEMBERED;
    while (this.#remembered.length > 0 && this.#remembered[0]! < since) this.#remembered.shift();
    return this.#remembered.length < MAX_TURNED_AWAY;
  }

  /** Whose connection it is, if it shows that its first packet comes from where it says. */
  #provedSource(conn: Deno.QuicConn): string | null {
    const ticket = ticketInName(conn.serverName);
    const { hostname, port } = conn.remoteAddr;
    const { bytes, group } = sourceOf(hostname, port);
    return ticket !== null && this.#o.tickets.holds(ticket, bytes, this.#o.now()) ? group : null;
  }

  #turnAway(conn: Deno.QuicConn): void {
    this.#remembered.push(performance.now());
    this.turnedAway++;
    conn.close({ closeCode: CLOSE.unproved, reason: "" });
  }
}
