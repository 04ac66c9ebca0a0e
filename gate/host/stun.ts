/** The STUN service's socket. Answers go out as they are made; what the system's buffer does not take is lost, as UDP is. */
import { answerBinding } from "../core/stun.ts";
import { sourceOf } from "../core/source.ts";

export class StunServer {
  readonly #socket: Deno.DatagramConn;
  #closed = false;
  answered = 0;

  constructor(socket: Deno.DatagramConn) {
    this.#socket = socket;
    this.#serve();
  }

  async #serve(): Promise<void> {
    while (!this.#closed) {
      let got: [Uint8Array, Deno.Addr];
      try {
        got = await this.#socket.receive();
      } catch {
        continue; // closed, or an ICMP error for an earlier answer
      }
      const from = got[1] as Deno.NetAddr;
      const source = sourceOf(from.hostname, from.port);
      const answer = answerBinding(got[0], { address: source.bytes, port: from.port });
      if (!answer) continue;
      this.answered++;
      this.#socket.send(answer, from).catch(() => {});
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}
