/**
 * With which gates this node keeps sessions, and which of them is its home, where others find it: the nearest one that works.
 *
 * - All gates are measured, now and then, without a session. The two nearest have one: home and standby. Beyond these, those
 *   that peers need, and those where pairs meet, up to MAX_SESSIONS. What is no longer wanted lingers for a while.
 * - The home stays until it ends, goes silent, says goodbye or is drained, or until another one has been much nearer for a
 *   while. One that failed does not become home again before a wait that grows.
 * - Drained and leaving gates are used only where there is no other one.
 */
import { Hold } from "../path/hold.ts";
import { Rtt } from "./rtt.ts";

export type HomingEvent =
  /** All gates of the network. */
  | { kind: "gates"; gates: readonly { id: string; draining: boolean }[] }
  /** A question was answered, or not. */
  | { kind: "measured"; gate: string; rttMs: number | null }
  | { kind: "up"; gate: string }
  /** The session is over. `failed`: nobody here wanted that. */
  | { kind: "down"; gate: string; failed: boolean }
  /** It says nothing although it was asked, or speaks again. */
  | { kind: "silent"; gate: string; silent: boolean }
  /** It has said goodbye. */
  | { kind: "leaving"; gate: string }
  /** Gates that pairs use or need, most needed first. */
  | { kind: "needed"; gates: readonly string[] }
  /** This machine is on another network. */
  | { kind: "networkChanged" }
  | { kind: "tick" };

export type HomingAction =
  /** Have sessions with exactly these. */
  | { kind: "keep"; gates: string[] }
  | { kind: "measure"; gates: string[] }
  /** Home and standby are others than before. */
  | { kind: "home"; home: string | null; standby: string | null }
  /** `isHeld` says something else than before of one of them. */
  | { kind: "held" };

/** Sessions at once. */
export const MAX_SESSIONS = 8;
/** Gates that are measured; of more, those with the smallest ids. */
const MAX_MEASURED = 64;
/** Times in ms. */
const SETTLE = 1_000;
const MEASURE_EVERY = 60_000;
const MEASURE_SOON = 5_000;
/** A nearer gate has to have been nearer for so long, by as many answers, and by more than both margins. */
const NEARER_FOR = 15_000;
const NEARER_COUNT = 3;
const MARGIN_MS = 8;
const MARGIN = 0.25;
/** After a move for nearness alone the next one waits. */
const REST = 120_000;
const LINGER = 60_000;
const LINGER_DRAINED = 5_000;
const FAILED = { firstMs: 10_000, longestMs: 600_000, healthyMs: 300_000 };

interface Gate {
  id: string;
  draining: boolean;
  leaving: boolean;
  silent: boolean;
  up: boolean;
  rtt: Rtt;
  hold: Hold;
  wantedAt: number;
}

/** Why the home is the home. */
export type HomeWhy =
  | "the only gate"
  | "the nearest"
  | "none is much nearer"
  | "nearer ones are being emptied"
  | "nearer ones do not answer"
  | "no better one answers";

export class Homing {
  readonly #gates = new Map<string, Gate>();
  #needed: readonly string[] = [];
  #home: string | null;
  #standby: string | null = null;
  #settleBy = Infinity;
  #settled = false;
  #nearer: { gate: string; since: number } | null = null;
  #restUntil = -Infinity;
  #measureAt = Infinity;
  #keeping = "";
  #told = "";
  #held = "";
  #now = 0;

  /** @param o.saved the home of before, which is dialled without waiting for measurements */
  constructor(o: { saved: string | null }) {
    this.#home = o.saved;
  }

  /** The gate where others find this node; null before the first session. */
  get home(): string | null {
    return this.#home !== null && this.#gates.get(this.#home)?.up ? this.#home : null;
  }

  get standby(): string | null {
    return this.#standby;
  }

  /** A gate's distance, ms. */
  rttOf(id: string): number | null {
    return this.#gates.get(id)?.rtt.ms ?? null;
  }

  /** Whether pairs may meet there without need. */
  isGood(id: string): boolean {
    const gate = this.#gates.get(id);
    return gate !== undefined && gate.up && works(gate);
  }

  /** Whether it has failed lately: pairs meet there only where they must. */
  isHeld(id: string): boolean {
    return this.#gates.get(id)?.hold.holds(this.#now) ?? false;
  }

  /** Why the home is where it is. */
  why(): HomeWhy | null {
    const home = this.home === null ? undefined : this.#gates.get(this.home);
    if (!home) return null;
    const others = [...this.#gates.values()].filter((g) => g !== home);
    if (others.length === 0) return "the only gate";
    if (!works(home)) return "no better one answers";
    const nearer = others.filter((g) => cost(g) < cost(home));
    if (nearer.length === 0) return "the nearest";
    if (nearer.every((g) => g.draining || g.leaving)) return "nearer ones are being emptied";
    if (nearer.every((g) => !works(g) || g.hold.holds(this.#now) || !g.up)) return "nearer ones do not answer";
    return "none is much nearer";
  }

  handle(event: HomingEvent, now: number): HomingAction[] {
    this.#now = now;
    const out: HomingAction[] = [];
    this.#take(event, now);
    this.#settle(now);
    this.#chooseHome(now);
    const gates = this.#keep(now);
    const text = gates.toSorted().join(" ");
    if (text !== this.#keeping) {
      this.#keeping = text;
      out.push({ kind: "keep", gates });
    }
    const { home } = this;
    this.#standby = this.#chooseStandby(now, home);
    const told = `${home} ${this.#standby}`;
    if (told !== this.#told) {
      this.#told = told;
      out.push({ kind: "home", home, standby: this.#standby });
    }
    const held = [...this.#gates.keys()].filter((id) => this.isHeld(id)).join(" ");
    if (held !== this.#held) {
      this.#held = held;
      out.push({ kind: "held" });
    }
    const due = this.#toMeasure(now);
    if (due.length > 0) out.push({ kind: "measure", gates: due });
    return out;
  }

  /** When `tick` is due, ms; null when nothing is waited for. */
  nextDeadline(): number | null {
    const lingering = [...this.#gates.values()].filter((g) => g.up && g.wantedAt < this.#now)
      .map((g) => g.wantedAt + lingerOf(g));
    const holds = [...this.#gates.values()].map((g) => g.hold.until);
    const nearer = this.#nearer === null ? [] : [Math.max(this.#nearer.since + NEARER_FOR, this.#restUntil)];
    const all = [this.#settled ? Infinity : this.#settleBy, this.#measureAt, ...lingering, ...holds, ...nearer]
      .filter((at) => at > this.#now && Number.isFinite(at));
    return all.length === 0 ? null : Math.min(...all);
  }

  #take(event: HomingEvent, now: number): void {
    if (event.kind === "gates") return this.#know(event.gates, now);
    if (event.kind === "needed") return void (this.#needed = event.gates);
    if (event.kind === "networkChanged") {
      for (const gate of this.#gates.values()) {
        gate.rtt.forget();
        gate.hold.reset();
      }
      this.#measureAt = now;
      return;
    }
    if (event.kind === "tick") return;
    const gate = this.#gates.get(event.gate);
    if (!gate) return;
    switch (event.kind) {
      case "measured":
        return gate.rtt.add(event.rttMs, now);
      case "up":
        gate.up = true;
        gate.silent = gate.leaving = false;
        return gate.hold.up(now);
      case "down":
        if (event.failed || gate.leaving) this.#failed(gate, now);
        gate.up = gate.silent = gate.leaving = false;
        if (!event.failed) gate.wantedAt = -Infinity; // it has been left
        return;
      case "silent":
        if (event.silent && !gate.silent) this.#failed(gate, now);
        gate.silent = event.silent;
        if (!event.silent) gate.hold.up(now);
        return;
      case "leaving":
        gate.leaving = true;
        return;
    }
  }

  /** A wait grows with each failure after it, not with each attempt within it. */
  #failed(gate: Gate, now: number): void {
    if (!gate.hold.holds(now)) gate.hold.fail(now);
  }

  #know(gates: readonly { id: string; draining: boolean }[], now: number): void {
    const ids = new Set(gates.map(({ id }) => id));
    for (const id of [...this.#gates.keys()]) if (!ids.has(id)) this.#gates.delete(id);
    for (const { id, draining } of gates) {
      const known = this.#gates.get(id);
      if (known) known.draining = draining;
      else {
        const rest = { leaving: false, silent: false, up: false, rtt: new Rtt(), hold: new Hold(FAILED) };
        this.#gates.set(id, { id, draining, ...rest, wantedAt: -Infinity });
        this.#measureAt = now;
      }
    }
    if (this.#gates.size > 0) this.#settleBy = Math.min(this.#settleBy, now + SETTLE);
  }

  #settle(now: number): void {
    if (this.#settled || this.#gates.size === 0) return;
    // Who answers first is nearest.
    const gates = [...this.#gates.values()];
    const enough = gates.filter((g) => g.rtt.count > 0).length >= 2 || gates.every((g) => g.rtt.tries > 0);
    this.#settled = enough || now >= this.#settleBy;
  }

  /** Best first. */
  #ranked(now: number): Gate[] {
    const held = (g: Gate) => Number(g.hold.holds(now));
    return [...this.#gates.values()].sort((a, b) =>
      Number(!works(a)) - Number(!works(b)) || held(a) - held(b) || cost(a) - cost(b) || (a.id < b.id ? -1 : 1)
    );
  }

  #chooseHome(now: number): void {
    if (!this.#settled) return;
    const home = this.#home === null ? undefined : this.#gates.get(this.#home);
    const best = this.#ranked(now).find((g) => g.up);
    if (!best || best === home) return void (this.#nearer = null);
    if (!home?.up || (!works(home) && works(best))) {
      this.#home = best.id;
      this.#nearer = null;
      return;
    }
    const much = works(best) && !best.hold.holds(now) && best.rtt.count >= NEARER_COUNT &&
      isMuchNearer(best, home);
    if (!much) return void (this.#nearer = null);
    if (this.#nearer?.gate !== best.id) this.#nearer = { gate: best.id, since: now };
    if (now - this.#nearer.since < NEARER_FOR || now < this.#restUntil) return;
    this.#home = best.id;
    this.#nearer = null;
    this.#restUntil = now + REST;
  }

  /** The next best; one that does as well stays, because every change is told to everybody. */
  #chooseStandby(now: number, home: string | null): string | null {
    const best = this.#ranked(now).find((g) => g.up && g.id !== home);
    const before = this.#standby === null || this.#standby === home ? undefined : this.#gates.get(this.#standby);
    const stays = best && before?.up && works(before) === works(best) && !before.hold.holds(now) &&
      !isMuchNearer(best, before);
    return (stays ? before : best)?.id ?? null;
  }

  #keep(now: number): string[] {
    const keep = new Set<string>();
    const home = this.#home === null ? undefined : this.#gates.get(this.#home);
    const good = [...this.#gates.values()].some((g) => g.up && works(g));
    // Of two both will have a session: nobody waits to know which is nearer.
    if (!this.#settled && this.#gates.size <= 2) {
      for (const gate of this.#gates.values()) if (works(gate)) keep.add(gate.id);
    }
    if (home && (!this.#settled || (home.up && (works(home) || !good)))) keep.add(home.id);
    if (this.#settled) {
      for (const gate of this.#ranked(now)) {
        if (keep.size >= 2) break;
        if (works(gate)) keep.add(gate.id); // those that failed lately come last
      }
      // All have failed: more of them, and whatever is drained, until there is something better.
      const failed = [...keep].map((id) => this.#gates.get(id)!).every((g) => g.hold.holds(now) || !works(g));
      if (!good && failed) {
        const ranked = this.#ranked(now);
        const more = [...ranked.filter(works).slice(0, 4), ...ranked.filter((g) => !works(g)).slice(0, 2)];
        for (const gate of more) keep.add(gate.id);
      }
    }
    for (const id of this.#needed) if (keep.size < MAX_SESSIONS && this.#gates.has(id)) keep.add(id);
    for (const id of keep) this.#gates.get(id)!.wantedAt = now;
    for (const gate of this.#gates.values()) {
      const lingers = (gate.up || gate.hold.holds(now)) && now - gate.wantedAt < lingerOf(gate);
      if (lingers && keep.size < MAX_SESSIONS) keep.add(gate.id);
    }
    return [...keep];
  }

  #toMeasure(now: number): string[] {
    if (now < this.#measureAt || this.#gates.size === 0) return [];
    const all = [...this.#gates.values()].sort((a, b) => a.id < b.id ? -1 : 1).slice(0, MAX_MEASURED);
    const fresh = all.filter((g) => now - g.rtt.at >= MEASURE_EVERY);
    // Gates of which little is known, and a home and what may take its place, are looked at more often.
    const rivals = this.#nearer === null ? [] : [this.#home, this.#nearer.gate];
    const soon = all.filter((g) => g.rtt.tries < NEARER_COUNT || rivals.includes(g.id));
    this.#measureAt = now + (soon.length > 0 ? MEASURE_SOON : MEASURE_EVERY);
    return [...new Set([...fresh, ...soon])].map(({ id }) => id);
  }
}

function works(gate: Gate): boolean {
  return !gate.draining && !gate.leaving && !gate.silent;
}

function cost(gate: Gate): number {
  return gate.rtt.ms ?? 100_000;
}

function isMuchNearer(a: Gate, b: Gate): boolean {
  return cost(a) + Math.max(MARGIN_MS, MARGIN * cost(b)) < cost(b);
}

function lingerOf(gate: Gate): number {
  return gate.draining || gate.leaving ? LINGER_DRAINED : LINGER;
}
