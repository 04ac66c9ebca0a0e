/**
 * Whether a lane takes the tunnel's longest packets. Where the way is narrower (an uplink of 1,280 bytes, a router that keeps its
 * word about lengths to itself) small checks alone would pass, and a lane on which a ping works and nothing else is worse than
 * none. So checks and their answers are as long as those packets until one has been answered, and again when this machine's
 * ground changes.
 */
import { encodeStun, field, PADDING, type StunDraft } from "../../../mesh/wire/stun/mod.ts";

/** After so many long ones in vain small ones go beside them, to tell a narrow way from none. */
const TELL_AFTER = 4;
/** Long ones whose answers are waited for. */
const MAX_LONG = 24;

/** A check to be sent: its transaction id, and how many bytes it has at least. */
export interface SizedCheck {
  transaction: Uint8Array;
  size: number;
}

export class LaneWidth {
  readonly #size: number;
  readonly #long = new Set<string>();
  #sent = 0;
  #known = false;
  #narrow = false;

  /** @param size bytes of the longest datagram that WireGuard sends */
  constructor(size: number) {
    this.#size = size;
  }

  /** Small checks come through, and long ones do not. */
  get narrow(): boolean {
    return !this.#known && this.#narrow;
  }

  /** What goes for the check of this transaction; `random` gives the id of one that goes beside it. */
  checks(transaction: Uint8Array, random: () => Uint8Array): SizedCheck[] {
    if (this.#known) return [{ transaction, size: 0 }];
    if (this.#long.size >= MAX_LONG) this.#long.delete(this.#long.keys().next().value!);
    this.#long.add(transaction.toString());
    const beside = ++this.#sent > TELL_AFTER ? [{ transaction: random(), size: 0 }] : [];
    return [{ transaction, size: this.#size }, ...beside];
  }

  /** Takes an answer that is authentic. @returns false when it says no more than that small ones come through */
  answered(transaction: Uint8Array): boolean {
    if (this.#known) return true;
    this.#known = this.#long.has(transaction.toString());
    this.#narrow = !this.#known;
    return this.#known;
  }

  /** This machine's ground has changed. */
  doubt(): void {
    this.#known = this.#narrow = false;
    this.#sent = 0;
    this.#long.clear();
  }
}

/** The message with as much filling as makes it `size` bytes long, or up to four more. */
export function filled(draft: StunDraft, size: number): Uint8Array<ArrayBuffer> {
  const plain = encodeStun(draft);
  const room = size - plain.length - 4;
  return room < 0 ? plain : encodeStun({ ...draft, fields: [...draft.fields, field(PADDING, room)] });
}
