/**
 * The STUN service's sockets. Answers go out as they are made; what the system's buffer does not take is lost, as UDP is.
 *
 * With an alternate port (RFC 5780, as far as one address goes) a node learns how its NAT maps and filters: it asks both ports,
 * and lets the one answer for the other.
 */
import { answerBinding, answersFrom, asksForTicket } from "../core/stun.ts";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { sourceOf } from "../core/source.ts";
import { StunDebt } from "../core/stun_debt.ts";
import type { Tickets } from "../core/tickets.ts";

export interface StunServerOptions {
  /** A second port of the same address. */
  alternate?: Deno.DatagramConn | null;
  /** For those who want to dial the QUIC port. */
  tickets?: Tickets | null;
  /** Answers nobody else. */
  ticketsOnly?: boolean;
}

export class StunServer {
  readonly #sockets: readonly Deno.DatagramConn[];
  readonly #debt = new StunDebt();
  readonly #tickets: Tickets | null;
  readonly #ticketsOnly: boolean;
  answered = 0;
  /** Well-formed requests without an answer, because their source has had more than it sent. */
  withheld = 0;

  constructor(
    socket: Deno.DatagramConn,
    { alternate = null, tickets = null, ticketsOnly = false }: StunServerOptions = {},
  ) {
    this.#tickets = tickets;
    this.#ticketsOnly = ticketsOnly;
    this.#sockets = alternate ? [socket, alternate] : [socket];
    if (alternate) this.#serve(alternate, socket);
    this.#serve(socket, alternate);
  }

  #serve(socket: Deno.DatagramConn, other: Deno.DatagramConn | null): void {
    void readDatagrams(socket, (bytes, from) => this.#answer(bytes, { from, socket, other }));
  }

  #answer(
    bytes: Uint8Array,
    o: { from: Deno.NetAddr; socket: Deno.DatagramConn; other: Deno.DatagramConn | null },
  ): void {
    const { from } = o;
    const source = sourceOf(from.hostname, from.port);
    const [tickets, now] = [this.#tickets, Date.now()];
    const answer = answerBinding(bytes, {
      address: source.bytes,
      port: from.port,
      ...(tickets && { ticket: () => tickets.give(source.bytes, now) }),
    });
    if (this.#ticketsOnly && !asksForTicket(bytes)) return;
    const way = answer && answersFrom(bytes);
    const out = way === "same" ? o.socket : way === "other" ? o.other : null;
    if (!answer || !out) return;
    const lengths = { request: bytes.length, answer: answer.length };
    if (!this.#debt.allows({ source: source.group, ...lengths, now })) {
      this.withheld++;
      return;
    }
    this.answered++;
    out.send(answer, from).catch(() => {});
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
