/**
 * What two ends say before one of them opens sockets for the other. The end whose NAT gives every destination another port asks
 * once ordinary checks have had their time; it opens nothing before the peer has answered that it would probe. So neither a peer
 * that is off (its offer may have lain in the coordinator's mailbox), nor one that does not guess, nor one behind a NAT of the same
 * kind, where a hit takes about 65,536 probes of each end, keeps sockets open or others waiting. Where the turn comes later than
 * that answer it is asked once more, and a peer that leaves its gate meanwhile is waited for no longer: in lab runs of several
 * machines that came and went, turns held for those that had gone, 20 s each, were what kept the others for up to 75 s.
 *
 * Where all STUN services have one address, a mapping that depends on the address alone looks as if it depended on nothing. An end
 * that cannot rule that out opens all the same, but only after a whole attempt of ICE has failed, and the two take turns: first
 * the likelier one (`goesFirst`), then whoever has probed more often than opened.
 *
 * Whoever opens fills its own NAT's table, 256 mappings each time, and the peer's word makes it do so. So what the peer says, how
 * often it begins anew and whether a pair came of it change nothing about how many guesses there are in an hour, or asks in an attempt.
 * Nor about how often the turn is held for a peer that says yes and is silent then.
 */
import type { Hardness } from "../nat/kind.ts";
import {
  ASK_AGAIN,
  ASKS_ALIKE,
  FRESH,
  GONE_AFTER,
  GUESS_AFTER,
  HELD_FOR,
  HOUR,
  LEFT_ALONE,
  MAX_AN_HOUR,
  MAX_ASKS,
  MAX_BROKEN_OFF,
  MAX_GUESSES,
  MAX_HELD_IN_VAIN,
  WHEN_BUSY,
} from "./limits.ts";

/** An answer: "hard" where the sender's own mapping depends on the destination, "off" where it does not guess. */
export type Say = "yes" | "hard" | "off" | "busy";

/** An end of a pair, as both ends know it. */
export interface End {
  /** Its fragment in this attempt of ICE. */
  ufrag: string;
  candidates: readonly { type: string; address: string; port: number }[];
}

/**
 * Whether `own` opens before `peer` where neither is sure: a NAT that keeps the port that a machine sends from mostly gives all
 * destinations that one. Between two alike chance decides, which both throw alike.
 */
export function goesFirst(own: End, peer: End): boolean {
  return keepsPorts(own) === keepsPorts(peer) ? own.ufrag < peer.ufrag : keepsPorts(peer);
}

function keepsPorts({ candidates }: End): boolean {
  const v4 = candidates.filter(({ address }) => !address.includes(":"));
  const inner = new Set(v4.filter(({ type }) => type === "host").map(({ port }) => port));
  return v4.every(({ type, port }) => type !== "srflx" || inner.has(port));
}

export class GuessTalk {
  /** "willing": the peer would probe and stands in line, "turn": its turn has come and it is to be asked once more, "held": it was. */
  #step: "idle" | "asked" | "busy" | "willing" | "turn" | "held" = "idle";
  /** When the peer answered last. */
  #saidAt = 0;
  /** Whether the peer is seen at a gate; null before it ever was. "leaving": it has just left, and may be back. */
  #presence: "there" | "leaving" | "gone" | null = null;
  #goneAt = Infinity;
  /** ICE checks. */
  #checks = false;
  /** When to ask; null while that would be of no use. */
  #due: number | null = null;
  #refusal: "hard" | "off" | null = null;
  /** Attempts of ICE that have failed on this network, and guesses in vain of each kind. */
  #failures = 0;
  #opened = 0;
  #probed = 0;
  /** Asks in this attempt of ICE. */
  #asks = 0;
  /** Guesses on this network that the peer broke off and that were not counted. */
  #brokenOff = 0;
  /** How often the turn was held in vain on this network since a guess began, and when that was too often. */
  #heldInVain = 0;
  #leftAloneAt = -Infinity;
  /** When guesses on this network began, those of the last hour. */
  #begun: number[] = [];

  /** ICE has begun to check. Who stands in line stays there. */
  checking(now: number): void {
    this.#checks = true;
    if (this.inLine) return;
    this.#step = "idle";
    this.#asks = 0;
    const alone = this.#leftAloneAt + LEFT_ALONE - now;
    // A clock that was set back lets nobody wait for longer.
    this.#due = now + (alone <= LEFT_ALONE ? Math.max(alone, GUESS_AFTER) : GUESS_AFTER);
  }

  /** The turn was held, and the peer did not say yes once more. True when it is left alone now. */
  #vain(now: number): boolean {
    if (++this.#heldInVain < MAX_HELD_IN_VAIN) return false;
    this.#leftAloneAt = now;
    this.#step = "idle";
    this.#due = this.#checks ? now + LEFT_ALONE : null;
    return true;
  }

  /** ICE has stopped checking, without a pair. What is waited for outlasts its failure, and only a turn its restart. */
  stopped(o: { failed: boolean }): void {
    this.#checks = false;
    if (o.failed) this.#failures++;
    if (this.inLine || (o.failed && this.waits)) return;
    this.#step = "idle";
    this.#due = null;
  }

  /** A pair works: what was in vain before says nothing any more. */
  forget(): void {
    this.#checks = false;
    this.#step = "idle";
    this.#due = this.#refusal = null;
    this.#failures = this.#opened = this.#probed = 0;
  }

  /** The machine is on another network, so behind another NAT. */
  moved(): void {
    this.forget();
    this.#brokenOff = this.#heldInVain = 0;
    this.#leftAloneAt = -Infinity;
    this.#begun = [];
  }

  /** Whether there is something to wait for: ICE's failure is kept back as long. */
  get waits(): boolean {
    return this.inLine || this.#step === "busy";
  }

  /** The turn is waited for, or held until the peer has answered once more. */
  get inLine(): boolean {
    return this.#step === "willing" || this.#step === "turn" || this.#step === "held";
  }

  /** The peer has left its gate: it neither probes nor opens. */
  get gone(): boolean {
    return this.#presence === "gone";
  }

  /** Whether the peer is seen at a gate. Who never was may still be reached by the coordinator's mailbox. */
  seen(there: boolean, now: number): void {
    if (there) this.#back("there", now);
    else if (this.#presence === "there") {
      this.#presence = "leaving";
      this.#goneAt = now + GONE_AFTER;
    }
  }

  /** The peer is there. One that had gone gets its time for ordinary checks, and is asked then. */
  #back(presence: "there" | null, now: number): void {
    const back = this.gone && this.#checks;
    this.#presence = presence;
    this.#goneAt = Infinity;
    if (back) this.checking(now);
  }

  /** Why the peer would not probe, and nothing else is under way. */
  get refusal(): "hard" | "off" | null {
    return this.#step === "idle" ? this.#refusal : null;
  }

  /** Another guess is allowed. */
  left(now: number): boolean {
    return this.#opened + this.#probed < MAX_GUESSES && this.#lastHour(now).length < MAX_AN_HOUR;
  }

  /** A clock that was set back takes nobody's guesses away. */
  #lastHour(now: number): number[] {
    return this.#begun.filter((at) => Math.abs(now - at) < HOUR);
  }

  /** A word of the peer has come: it is there, whatever gates see. */
  heard(now: number): void {
    if (this.#presence !== "there") this.#back(null, now);
  }

  /**
   * True when the peer is to be asked now. Otherwise there may be nothing to wait for any more.
   * @param o.hardness of this machine
   * @param o.first whether this end goes first where neither is sure
   */
  tick(now: number, o: { hardness: Hardness; first(): boolean }): boolean {
    if (this.#goneAt <= now) {
      if (this.#step === "held") this.#vain(now);
      this.#goneAt = Infinity;
      this.#presence = "gone";
      this.#step = "idle";
      this.#due = null;
    }
    if (this.#due === null || this.#due > now) return false;
    this.#due = null;
    if (this.#step === "held" && this.#vain(now)) return false;
    if (this.#asks >= MAX_ASKS || !this.left(now) || !this.#mayOpen(o)) {
      this.#step = "idle";
      if (o.hardness === "unknown") this.#due = now + WHEN_BUSY; // it is being found out
      return false;
    }
    this.#asks++;
    this.#step = this.#step === "turn" ? "held" : this.#step === "busy" ? "busy" : "asked";
    this.#due = now + (this.#step === "held" ? HELD_FOR : ASK_AGAIN);
    return true;
  }

  #mayOpen({ hardness, first }: { hardness: Hardness; first(): boolean }): boolean {
    if (hardness !== "unsure") return hardness === "hard";
    return this.#failures > 0 && (this.#opened < this.#probed || (this.#opened === this.#probed && first()));
  }

  /** The peer's answer. True when the peer would probe: this machine's turn may be asked for. */
  answered(say: Say, now: number): boolean {
    if (this.#step !== "asked" && this.#step !== "busy" && this.#step !== "held") return false;
    const late = this.#step === "held" && this.#due !== null && this.#due - now < HELD_FOR - FRESH;
    this.#saidAt = now;
    this.#step = say === "yes" ? "willing" : say === "busy" ? "busy" : "idle";
    this.#refusal = say === "hard" || say === "off" ? say : null;
    this.#due = say === "busy" ? now + WHEN_BUSY * Math.ceil(Math.max(1, this.#asks) / ASKS_ALIKE) : null;
    if (late && say !== "yes") this.#vain(now); // as good as silent
    return say === "yes";
  }

  /** The turn has come. False where the peer is to be asked once more first; the turn is held for its answer. */
  begins(now: number): boolean {
    const sure = now - this.#saidAt <= FRESH && this.#presence !== "leaving";
    this.#step = sure ? "idle" : "turn";
    this.#due = sure ? null : now;
    return sure;
  }

  /** The turn has come and could not be used: the peer is asked once more. */
  again(now: number): void {
    this.#due = now + WHEN_BUSY;
  }

  /** A guess has begun: it counts as in vain until `forget`, and for an hour in any case. */
  count(side: "opened" | "probed", now: number): void {
    this.#begun = [...this.#lastHour(now), now];
    this.#heldInVain = 0;
    if (side === "opened") this.#opened++;
    else this.#probed++;
  }

  /** The peer does not probe after all: that guess was not in vain, but the peer cannot say so for ever. */
  interrupted(say: Say, now: number): void {
    if (this.#brokenOff++ < MAX_BROKEN_OFF) this.#opened = Math.max(0, this.#opened - 1);
    this.#step = "asked";
    this.answered(say, now);
  }

  /** What to answer a peer that asks. */
  reply(now: number, o: { enabled: boolean; hardness: Hardness; free: boolean }): Say {
    if (!o.enabled || !this.left(now)) return "off";
    if (o.hardness === "hard") return "hard";
    return o.free && o.hardness !== "unknown" ? "yes" : "busy";
  }

  nextDeadline(): number | null {
    const next = Math.min(this.#due ?? Infinity, this.#goneAt);
    return next === Infinity ? null : next;
  }
}
