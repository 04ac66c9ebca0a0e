/**
 * The STUN service's sockets. Answers go out as they are made; what the system's buffer does not take is lost, as UDP is.
 *
 * With an alternate port (RFC 5780, as far as one address goes) a node learns how its NAT maps and filters: it asks both ports,
 * and lets the one answer for the other.
 */
import { answerBinding, answersFrom } from "../core/stun.ts";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { sourceOf } from "../core/source.ts";
import { StunDebt } from "../core/stun_debt.ts";

export class StunServer {
  readonly #sockets: readonly Deno.DatagramConn[];
  readonly #debt = new StunDebt();
  answered = 0;
  /** Well-formed requests without an answer, because their source has had more than it sent. */
  withheld = 0;

  /** @param alternate a second port of the same address, or null */
  constructor(socket: Deno.DatagramConn, alternate: Deno.DatagramConn | null = null) {
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
    const answer = answerBinding(bytes, { address: source.bytes, port: from.port });
    const way = answer && answersFrom(bytes);
    const out = way === "same" ? o.socket : way === "other" ? o.other : null;
    if (!answer || !out) return;
    const lengths = { request: bytes.length, answer: answer.length };
    if (!this.#debt.allows({ source: source.group, ...lengths, now: Date.now() })) {
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
