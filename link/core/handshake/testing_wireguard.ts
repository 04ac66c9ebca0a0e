/** A model of WireGuard's rules for one peer, for tests (whitepaper, 5.4 and 6.1). */

/** WireGuard begins anew after so long without keys, in ms. */
export const AGAIN = 5_000;

const LENGTHS: Record<number, number> = { 1: 148, 2: 92, 4: 32 };

/** A message of the handshake that `mark` names. */
function message(type: number, mark: number): Uint8Array {
  const bytes = new Uint8Array(LENGTHS[type]!);
  bytes[0] = type;
  bytes[4] = mark;
  return bytes;
}

/** One end. */
export class ModelWireGuard {
  #mark: number;
  /** The handshake that it has begun and that is not answered. */
  #own: number | null = null;
  /** The one that it has answered, whose keys count once the peer has used them. */
  #answered: number | null = null;
  /** The newest of the peer's: one that is no newer is a replay. */
  #newest = -1;
  #beganAt = -Infinity;
  /** How often it has begun. */
  begun = 0;
  /** Both ends have the same keys. */
  done = false;

  /** @param first the mark of its first handshake; the two ends' differ by more than they begin */
  constructor(first: number) {
    this.#mark = first;
  }

  /** Whether it begins now, in ms. */
  due(now: number): boolean {
    return !this.done && now >= this.#beganAt + AGAIN;
  }

  begin(now: number): Uint8Array {
    this.begun++;
    this.#beganAt = now;
    this.#own = this.#mark++;
    return message(1, this.#own);
  }

  /** Takes a packet of the peer and gives what it sends then. */
  take(packet: Uint8Array): Uint8Array | null {
    const mark = packet[4]!;
    if (packet[0] === 1) {
      if (mark <= this.#newest) return null;
      this.#newest = this.#answered = mark;
      this.#own = null; // one handshake a peer at a time
      return message(2, mark);
    }
    if (packet[0] === 2) {
      if (mark !== this.#own) return null;
      this.#own = null;
      this.done = true;
      return message(4, mark);
    }
    if (mark === this.#answered) this.done = true;
    return null;
  }
}
