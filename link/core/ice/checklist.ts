/**
 * The pairs of one generation and which of them is to be checked next.
 *
 * Differs from RFC 8445 section 6.1.2.6 in one thing that no peer can see: pairs are not frozen. Freezing spares checks
 * when many streams share a path; here there is one stream and one component, and waiting would only cost time.
 */
import { endpointText, familyOf, sameAddress, type TransportAddress } from "../../../mesh/wire/stun/address.ts";
import type { LocalCandidate, RemoteCandidate } from "./candidate.ts";
import { type Base, newPair, type Pair, pairKey, pairPriority } from "./pair.ts";
import {
  CHECK_WAITS,
  MAX_PAIRS,
  MAX_REFLEXIVE,
  MAX_REMOTES,
  MAX_TRIGGERED,
  REVIVED_AT,
  TRIGGERED_GAP,
} from "./timing.ts";

export class Checklist {
  readonly #bases = new Map<string, Base>();
  readonly #remotes = new Map<string, RemoteCandidate>();
  readonly #pairs = new Map<string, Pair>();

  get pairs(): Pair[] {
    return [...this.#pairs.values()];
  }

  /** Adds the pairs of a local candidate; a further candidate on a known base adds none. */
  addLocal(candidate: LocalCandidate, now: number): void {
    const key = endpointText(candidate.base);
    const known = this.#bases.get(key);
    if (known) {
      known.priority = Math.max(known.priority, candidate.priority);
      return;
    }
    const base = { at: candidate.base, priority: candidate.priority, preference: candidate.preference };
    this.#bases.set(key, base);
    for (const remote of this.#remotes.values()) if (remote.type !== "prflx") this.#form(base, remote, now);
  }

  /** Adds the pairs of a remote candidate, as far as the bounds allow; with `base` given only that one (section 7.3.1.4). */
  addRemote(candidate: RemoteCandidate, now: number, base?: TransportAddress): void {
    const key = endpointText(candidate.at);
    const known = this.#remotes.get(key);
    if (known) {
      // What the peer signals replaces what was guessed from its check (section 7.3.1.3).
      if (known.type === "prflx" && candidate.type !== "prflx") Object.assign(known, candidate);
      for (const one of this.#bases.values()) this.#form(one, known, now, base);
      return;
    }
    const reflexive = candidate.type === "prflx";
    const kin = [...this.#remotes.values()].filter((other) => (other.type === "prflx") === reflexive).length;
    if (kin >= (reflexive ? MAX_REFLEXIVE : MAX_REMOTES)) return;
    this.#remotes.set(key, candidate);
    for (const one of this.#bases.values()) this.#form(one, candidate, now, base);
  }

  #form(base: Base, remote: RemoteCandidate, now: number, only?: TransportAddress): void {
    if (only && !sameAddress(only, base.at)) return;
    if (familyOf(base.at.address) !== familyOf(remote.at.address)) return;
    const key = pairKey(base.at, remote.at);
    if (this.#pairs.has(key)) return;
    const pair = newPair(base, remote);
    pair.due = now;
    this.#pairs.set(key, pair);
  }

  /** Keeps the best MAX_PAIRS; those that work stay. */
  prune(controlling: boolean): void {
    if (this.#pairs.size <= MAX_PAIRS) return;
    const worstFirst = this.pairs.filter((pair) => pair.state !== "succeeded")
      .sort((a, b) => pairPriority(a, controlling) < pairPriority(b, controlling) ? -1 : 1);
    for (const { base, remote } of worstFirst.slice(0, this.#pairs.size - MAX_PAIRS)) {
      this.#pairs.delete(pairKey(base.at, remote.at));
    }
  }

  find(base: TransportAddress, remote: TransportAddress): Pair | undefined {
    return this.#pairs.get(pairKey(base, remote));
  }

  /** The base that a datagram from this address has reached; a guess when the socket does not tell. */
  baseOf(to: TransportAddress | null, from: TransportAddress): TransportAddress | null {
    if (to !== null && this.#bases.has(endpointText(to))) return to;
    const before = this.pairs.filter((pair) => sameAddress(pair.remote.at, from));
    const latest = before.sort((a, b) => b.lastSent - a.lastSent)[0];
    if (latest) return latest.base.at;
    const family = familyOf(from.address);
    const bases = [...this.#bases.values()].filter((base) => familyOf(base.at.address) === family);
    return bases.sort((a, b) => b.priority - a.priority)[0]?.at ?? null;
  }

  /** The peer's check has come over this pair: check it now (section 7.3.1.4). */
  trigger(pair: Pair, now: number): void {
    if (pair.state === "succeeded" || pair.triggeredSends >= MAX_TRIGGERED) return;
    if (pair.state === "failed") {
      pair.state = "waiting";
      pair.sends = Math.min(pair.sends, REVIVED_AT);
    }
    pair.triggered = true;
    pair.due = Math.min(pair.due, Math.max(now, pair.lastSent + TRIGGERED_GAP));
  }

  /** All waiting pairs may go from now on: the peer's credentials are here. */
  start(now: number): void {
    for (const pair of this.#pairs.values()) if (pair.due < now) pair.due = now;
  }

  /** The pair to check now: triggered ones first, then whoever has waited longest, then the better one. */
  next(now: number, controlling: boolean): Pair | undefined {
    const due = this.pairs.filter((pair) => pair.due <= now);
    return due.sort((a, b) =>
      Number(b.triggered) - Number(a.triggered) || a.due - b.due ||
      (pairPriority(b, controlling) > pairPriority(a, controlling) ? 1 : -1)
    )[0];
  }

  /** Notes that a check goes out, and when the next is due. False when the pair has had all its checks and fails. */
  advance(pair: Pair, now: number): boolean {
    if (pair.triggered) {
      pair.triggered = false;
      pair.triggeredSends++;
    } else if (pair.sends >= CHECK_WAITS.length) {
      pair.state = "failed";
      pair.due = Infinity;
      return false;
    } else {
      pair.sends++;
    }
    pair.state = "inProgress";
    pair.lastSent = now;
    pair.due = now + CHECK_WAITS[Math.max(0, pair.sends - 1)]!;
    return true;
  }

  /** When a check is due; null for never. */
  nextDue(): number | null {
    const due = Math.min(...this.pairs.map((pair) => pair.due));
    return Number.isFinite(due) ? due : null;
  }
}
