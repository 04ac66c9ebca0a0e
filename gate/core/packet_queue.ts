/** Packets that wait for one session's buffer space: a ring bounded by count and bytes that gives up its oldest first. */
export class PacketQueue {
  readonly #ring: (Uint8Array | undefined)[];
  readonly #maxBytes: number;
  #head = 0;
  #count = 0;
  #bytes = 0;
  /** Packets given up since the start. */
  dropped = 0;

  constructor(o: { packets: number; bytes: number }) {
    this.#ring = new Array(o.packets);
    this.#maxBytes = o.bytes;
  }

  get length(): number {
    return this.#count;
  }

  push(packet: Uint8Array): void {
    if (packet.length > this.#maxBytes) {
      this.dropped++;
      return;
    }
    while (this.#count === this.#ring.length || this.#bytes + packet.length > this.#maxBytes) {
      this.shift();
      this.dropped++;
    }
    this.#ring[(this.#head + this.#count) % this.#ring.length] = packet;
    this.#count++;
    this.#bytes += packet.length;
  }

  shift(): Uint8Array | undefined {
    if (this.#count === 0) return undefined;
    const packet = this.#ring[this.#head]!;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#count--;
    this.#bytes -= packet.length;
    return packet;
  }

  clear(): void {
    this.#ring.fill(undefined);
    this.#head = this.#count = this.#bytes = 0;
  }
}
