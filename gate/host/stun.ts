/**
 * The STUN service's sockets. Answers go out as they are made; what the system's buffer does not take is lost, as UDP is.
 *
 * With an alternate port (RFC 5780, as far as one address goes) a node learns how its NAT maps and filters: it asks both ports,
 * and lets the one answer for the other.
 */
import { answerBinding, answersFrom } from "../core/stun.ts";
import { sourceOf } from "../core/source.ts";

export class StunServer {
  readonly #sockets: readonly Deno.DatagramConn[];
  #closed = false;
  answered = 0;

  /** @param alternate a second port of the same address, or null */
  constructor(socket: Deno.DatagramConn, alternate: Deno.DatagramConn | null = null) {
    this.#sockets = alternate ? [socket, alternate] : [socket];
    if (alternate) void this.#serve(alternate, socket);
    void this.#serve(socket, alternate);
  }

  async #serve(socket: Deno.DatagramConn, other: Deno.DatagramConn | null): Promise<void> {
    while (!this.#closed) {
      let got: [Uint8Array, Deno.Addr];
      try {
        got = await socket.receive();
      } catch {
        continue; // closed, or an ICMP error for an earlier answer
      }
      const from = got[1] as Deno.NetAddr;
      const source = sourceOf(from.hostname, from.port);
      const answer = answerBinding(got[0], { address: source.bytes, port: from.port });
      const way = answer && answersFrom(got[0]);
      const out = way === "same" ? socket : way === "other" ? other : null;
      if (!answer || !out) continue;
      this.answered++;
      out.send(answer, from).catch(() => {});
    }
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.close();
  }
}
