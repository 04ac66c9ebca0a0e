/** Somebody on the way between a node and its gate: sees every datagram and can send it again, from there or from elsewhere. */
export class Tap implements Disposable {
  readonly #near: Deno.DatagramConn;
  readonly #far: Deno.DatagramConn;
  readonly #elsewhere: Deno.DatagramConn;
  readonly #gate: Deno.NetAddr;
  readonly #seen: Uint8Array[] = [];
  readonly #only: number;
  #node: Deno.Addr | null = null;
  bytesSent = 0;
  bytesBack = 0;
  repeated = 0;

  /** @param o.only so many datagrams pass to the gate, and nothing comes back */
  constructor(gate: number, o: { only?: number } = {}) {
    const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    [this.#near, this.#far, this.#elsewhere] = [open(), open(), open()];
    this.#gate = { transport: "udp", hostname: "127.0.0.1", port: gate };
    this.#only = o.only ?? Infinity;
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
      if (this.#seen.length >= this.#only) continue;
      this.#seen.push(bytes);
      this.bytesSent += bytes.length;
      await this.#far.send(bytes, this.#gate);
    }
  }

  async #back(): Promise<void> {
    for await (const [bytes] of this.#far) {
      this.bytesBack += bytes.length;
      if (this.#node && this.#only === Infinity) await this.#near.send(bytes, this.#node);
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
