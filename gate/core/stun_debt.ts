/**
 * What answers may cost before anybody's address is proved. A Binding answer is longer than a bare request (32 or 44 bytes to 20), and
 * RFC 8489 has such requests answered; so answers may run ahead of what a source has sent by a small debt, which time forgives slowly.
 * Beyond it a source gets no more bytes than came from it: whoever lets a gate answer somebody else, in a flood, gains nothing.
 * A request that is as long as its answer costs no debt and is always answered. The same holds for all sources together.
 */

export interface DebtLimits {
  /** How far answers may run ahead of a source's requests, and how much of that is forgiven a second; in bytes. */
  bytes: number;
  forgiven: number;
  /** The same for all sources together. */
  allBytes: number;
  allForgiven: number;
  /** Sources with a debt that are remembered; the one that was heard longest ago is forgotten first. */
  sources: number;
}

/** A hundred bare requests at once and ten a second, of one source. */
export const DEBT_LIMITS: DebtLimits = {
  bytes: 1_200,
  forgiven: 120,
  allBytes: 256 << 10,
  allForgiven: 64 << 10,
  sources: 8_192,
};

interface Debt {
  bytes: number;
  /** ms since 1970. */
  at: number;
}

export class StunDebt {
  readonly #limits: DebtLimits;
  readonly #sources = new Map<string, Debt>();
  readonly #all: Debt = { bytes: 0, at: 0 };

  constructor(limits: Partial<DebtLimits> = {}) {
    this.#limits = { ...DEBT_LIMITS, ...limits };
  }

  /**
   * Whether a request may be answered; counted as answered if so.
   * @param o.source what bounds count by (source.ts) @param o.request @param o.answer their lengths in bytes
   */
  allows(o: { source: string; request: number; answer: number; now: number }): boolean {
    const { bytes, forgiven, allBytes, allForgiven, sources } = this.#limits;
    const mine = this.#sources.get(o.source) ?? { bytes: 0, at: o.now };
    const [owed, allOwed] = [paid(mine, forgiven, o), paid(this.#all, allForgiven, o)];
    const may = o.answer <= o.request || (owed + o.answer <= bytes && allOwed + o.answer <= allBytes);
    const cost = may ? o.answer : 0;
    Object.assign(this.#all, { bytes: Math.max(0, allOwed + cost), at: o.now });
    // Put at the end: the first in order is the one that was heard longest ago.
    this.#sources.delete(o.source);
    if (owed + cost > 0) this.#sources.set(o.source, { bytes: owed + cost, at: o.now });
    if (this.#sources.size > sources) this.#sources.delete(this.#sources.keys().next().value!);
    return may;
  }
}

/** A debt once time has forgiven some of it and this request has paid for some; below zero is what the request has left. */
function paid(debt: Debt, forgiven: number, o: { request: number; now: number }): number {
  return Math.max(0, debt.bytes - Math.max(0, o.now - debt.at) / 1000 * forgiven) - o.request;
}
