/** Somebody on the way between a node and its gate: sees every datagram and can send it again, from there or from elsewhere. */
export class Tap implements Disposable {
  readonly #near: Deno.DatagramConn;
  readonly #far: Deno.DatagramConn;
  readonly #elsewhere: Deno.DatagramConn;
  readonly #gate: Deno.NetAddr;
  readonly #seen: Uint8Array[] = [];
  #node: Deno.Addr | null = null;
  repeated = 0;

  constructor(gate: number) {
    const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    [this.#near, this.#far, this.#elsewhere] = [open(), open(), open()];
    this.#gate = { transport: "udp", hostname: "127.0.0.1", port: gate };
    void this.#out().catch(() => {});
    void this.#back().catch(() => {});
  }

  /** Where the node finds what it takes for its gate. */
  get port(): number {
    return (this.#near.addr as Deno.NetAddr).port;
  }

  async #out(): Promise<void> {
    for await (const [bytes, from] of this.#near) {
      this.#node = from;
      this.#seen.push(bytes);
      await this.#far.send(bytes, this.#gate);
    }
  }

  async #back(): Promise<void> {
    for await (const [bytes] of this.#far) {
      if (this.#node) await this.#near.send(bytes, this.#node);
    }
  }

  /** Sends the gate all that was seen once more. */
  async again(from: "the same port" | "another port"): Promise<void> {
    const socket = from === "the same port" ? this.#far : this.#elsewhere;
    for (const bytes of [...this.#seen]) {
      await socket.send(bytes, this.#gate);
      this.repeated++;
    }
  }

  [Symbol.dispose](): void {
    for (const socket of [this.#near, this.#far, this.#elsewhere]) socket.close();
  }
}
