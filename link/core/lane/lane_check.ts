/**
 * Checks of one lane from end to end, from WireGuard's own port: STUN that the gate cannot make (credentials come sealed from the
 * peer). Checks are as long as the tunnel's longest packets, and so are their answers: where the way is narrower than those, small
 * ones alone would pass, and a lane on which a ping works and nothing else is worse than none. Once a long one has been
 * answered small ones do, until this machine's ground changes.
 */
import {
  encodeStun,
  field,
  FILL,
  type StunCrypto,
  type StunDraft,
  type StunMessage,
  type TransportAddress,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from "../stun/mod.ts";

/** A check crosses four legs: where each loses a fifth, three of five fail, so the last wait, which stays, is short; in ms. */
const WAITS = [50, 100, 100, 200, 400, 500];
const EVERY = 2_500;
/** Ten in a row have to fail before a lane that works looks dead. */
const RETRY = 250;
/** So long without an answered check, and the lane is dead. */
const EXPIRY = 5_000;
/** After so many long ones in vain, small ones go beside them, to tell a narrow way from none. */
const TELL_AFTER = 4;
const MAX_SENT = 32;

/** How both ends sign. */
export interface LaneKey {
  key: Uint8Array;
  crypto: StunCrypto;
  algorithm: "sha256";
}

export class LaneCheck {
  readonly remote: TransportAddress;
  /** When the next one is to go. */
  due: number;
  readonly #size: number;
  readonly #sent = new Map<string, { at: number; long: boolean }>();
  #tries = 0;
  #answeredAt: number | null = null;
  /** A long one is still to be answered. */
  #long = true;
  #narrow = false;

  /** @param size bytes of the longest datagram that WireGuard sends */
  constructor(remote: TransportAddress, size: number, now: number) {
    this.remote = remote;
    this.#size = size;
    this.due = now;
  }

  /** True from the first answered check on. */
  get up(): boolean {
    return this.#answeredAt !== null;
  }

  /** When a lane that is up counts as dead. */
  get expiry(): number {
    return this.#answeredAt === null ? Infinity : this.#answeredAt + EXPIRY;
  }

  /** Small checks come through, and long ones do not. */
  get narrow(): boolean {
    return this.#long && this.#narrow;
  }

  /** Something tells that a check may come through now. */
  hurry(): void {
    if (this.up) return;
    this.#tries = this.due = 0;
  }

  /** This machine's ground has changed: how wide the way is has to be seen anew. */
  doubt(now: number): void {
    this.#long = true;
    this.#narrow = false;
    this.#tries = 0;
    this.due = now;
  }

  /** What is to be sent now. */
  send(username: string, o: { integrity: LaneKey; now: number }): Uint8Array[] {
    const { integrity, now } = o;
    this.due = now + (this.up ? RETRY : WAITS[Math.min(this.#tries, WAITS.length - 1)]!);
    const lengths = this.#long ? [true] : [false];
    if (this.#long && ++this.#tries > TELL_AFTER) lengths.push(false);
    return lengths.map((long) => {
      const transaction = integrity.crypto.random(12);
      if (this.#sent.size >= MAX_SENT) this.#sent.delete(this.#sent.keys().next().value!);
      this.#sent.set(transaction.toString(), { at: now, long });
      const fields = [field(USERNAME, username)];
      return filled({ class: "request", transaction, fields, integrity, fingerprint: true }, long ? this.#size : 0);
    });
  }

  /** Takes an answer that is authentic. Gives the round trip in ms when it counts. */
  answered(transaction: Uint8Array, now: number): number | null {
    const sent = this.#sent.get(transaction.toString());
    if (sent === undefined) return null;
    if (this.#long && !sent.long) {
      this.#narrow = true;
      return null;
    }
    this.#sent.clear();
    this.#long = this.#narrow = false;
    this.#answeredAt = now;
    this.due = now + EVERY;
    return now - sent.at;
  }
}

/** The answer to the peer's check, as long as that is. */
export function answerTo(check: StunMessage, o: { from: TransportAddress; integrity: LaneKey }): Uint8Array {
  const { transaction, bytes } = check;
  const fields = [field(XOR_MAPPED_ADDRESS, o.from)];
  return filled({ class: "success", transaction, fields, integrity: o.integrity, fingerprint: true }, bytes.length);
}

/** The message with as much filling as makes it `size` bytes long, or a few more. */
function filled(draft: StunDraft, size: number): Uint8Array {
  const plain = encodeStun(draft);
  const room = size - plain.length - 4;
  return room > 0 ? encodeStun({ ...draft, fields: [...draft.fields, field(FILL, room)] }) : plain;
}
