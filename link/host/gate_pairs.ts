/** Over which gate each peer is met, and which gates peers need (core/gates/meeting.ts has the rule). */
import { type GateOption, Meeting, type MeetWord } from "../core/gates/mod.ts";
import type { GateKeeper } from "./gate_keeper.ts";

/** Somebody sent something to a peer this long ago: it is worth a good place to meet, in ms. */
const DEMANDED = 60_000;
/** Between two looks at what a busy peer should be told, in ms. */
const LOOK_EVERY = 1_000;
/** First byte of WireGuard's handshake initiation. One is sent every 5 s until it is answered. */
const INITIATION = 1;
const UNANSWERED = 2;
/** Needed gates that are named. */
const MAX_NEEDED = 32;

export interface GatePairsHost {
  selfId: string;
  keepers: ReadonlyMap<string, GateKeeper>;
  now(): number;
  rttOf(gate: string): number | null;
  isGood(gate: string): boolean;
  isHeld(gate: string): boolean;
  homesOf(node: string): readonly string[];
  met(node: string): void;
  tell(node: string, word: MeetWord): void;
  /** Gates that peers need, most needed first. */
  needs(gates: string[]): void;
}

interface Pair {
  meeting: Meeting;
  keeper: GateKeeper | null;
  /** It is at none of the gates, and the last one has said so itself. */
  left: boolean;
  /** Last time that something was to go to it. */
  demandAt: number;
  lookedAt: number;
  /** Handshakes that went out since anything came back. */
  unanswered: number;
}

export class GatePairs {
  readonly #o: GatePairsHost;
  readonly #pairs = new Map<string, Pair>();
  readonly #dirty = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  constructor(o: GatePairsHost) {
    this.#o = o;
  }

  /** These are the peers. */
  watch(nodes: readonly string[]): void {
    const wanted = new Set(nodes);
    for (const id of this.#pairs.keys()) if (!wanted.has(id)) this.#pairs.delete(id);
    for (const id of nodes) {
      if (this.#pairs.has(id)) continue;
      const meeting = new Meeting({ leads: this.#o.selfId < id });
      this.#pairs.set(id, {
        meeting,
        keeper: null,
        left: false,
        demandAt: -Infinity,
        lookedAt: -Infinity,
        unanswered: 0,
      });
    }
    this.changed();
  }

  keeperOf(node: string): GateKeeper | null {
    return this.#pairs.get(node)?.keeper ?? null;
  }

  /** A gate says whether a node is there. */
  seen(keeper: GateKeeper, node: string, up: boolean): void {
    const pair = this.#pairs.get(node);
    if (up) keeper.present.add(node);
    const gone = !up && keeper.present.delete(node);
    if (pair && (up || gone)) pair.left = gone && this.#options(node).length === 0;
    this.changed(node);
  }

  /** The last gate at which a node was seen has said that it is there no more. */
  hasLeft(node: string): boolean {
    return this.#pairs.get(node)?.left ?? false;
  }

  /** Where a node is met may have changed; without a node, where any of them is. */
  changed(node?: string): void {
    if (node !== undefined) this.#choose(node);
    else for (const id of this.#pairs.keys()) this.#dirty.add(id);
    // One look for all that a gate says at once.
    if (!this.#closed) this.#timer ??= setTimeout(() => this.#look(), 0);
  }

  #look(): void {
    this.#timer = null;
    for (const id of this.#dirty) this.#choose(id);
    this.#dirty.clear();
    this.#o.needs(this.#needed());
  }

  #options(node: string): GateOption[] {
    return [...this.#o.keepers.values()].filter((k) => k.client !== null && k.present.has(node))
      .map(({ id }) => ({ gate: id, mine: this.#o.rttOf(id), good: this.#o.isGood(id), held: this.#o.isHeld(id) }));
  }

  #choose(node: string): void {
    const pair = this.#pairs.get(node);
    if (!pair) return;
    const options = this.#options(node);
    if (options.length === 0) pair.meeting.forget();
    const gate = pair.meeting.choose(options, this.#o.now());
    const keeper = gate === null ? null : this.#o.keepers.get(gate)!;
    const moved = keeper !== pair.keeper;
    pair.keeper = keeper;
    if (this.#busy(node, pair)) this.#tell(node, pair);
    if (!moved) return;
    pair.unanswered = 0;
    this.#o.met(node);
  }

  #busy(node: string, pair: Pair): boolean {
    return this.#o.now() - pair.demandAt < DEMANDED || [...this.#o.keepers.values()].some((k) => k.lanes.has(node));
  }

  #tell(node: string, pair: Pair): void {
    const word = pair.meeting.tell(this.#options(node), this.#o.now());
    if (word) this.#o.tell(node, word);
  }

  /** A peer's sealed word. */
  heard(node: string, word: MeetWord): void {
    const pair = this.#pairs.get(node);
    if (!pair) return;
    pair.meeting.heard(word);
    this.#choose(node);
    this.#tell(node, pair);
  }

  /** Something is to go to a peer, over whatever path. */
  demand(node: string): void {
    const pair = this.#pairs.get(node);
    if (!pair) return;
    const now = this.#o.now();
    const idle = now - pair.demandAt >= DEMANDED;
    pair.demandAt = now;
    if (idle) this.changed(node);
    if (now - pair.lookedAt < LOOK_EVERY) return;
    pair.lookedAt = now;
    this.#tell(node, pair);
  }

  /** Where a packet for this peer goes; null: nowhere now. */
  carry(node: string, packet: Uint8Array): GateKeeper | null {
    const pair = this.#pairs.get(node);
    if (!pair) return null;
    if (packet[0] === INITIATION && pair.keeper && ++pair.unanswered > UNANSWERED) {
      // Who is said to be here does not answer: perhaps it is not here at all.
      pair.meeting.doubt(pair.keeper.id, this.#o.now());
      this.#choose(node);
      pair.unanswered = 0;
    }
    return pair.keeper;
  }

  /** A packet of this peer came. */
  answered(node: string): void {
    const pair = this.#pairs.get(node);
    if (pair) pair.unanswered = 0;
  }

  #needed(): string[] {
    const now = this.#o.now();
    const ranks: string[][] = [[], [], [], []];
    for (const [id, pair] of this.#pairs) {
      const demanded = now - pair.demandAt < DEMANDED;
      const homes = this.#o.homesOf(id);
      if (!pair.keeper) ranks[demanded ? 1 : 3]!.push(...homes.slice(0, demanded ? 2 : 1));
      else if (demanded) {
        ranks[0]!.push(pair.keeper.id);
        ranks[2]!.push(...homes.slice(0, 1));
      }
    }
    for (const keeper of this.#o.keepers.values()) if (keeper.lanes.size > 0) ranks[0]!.unshift(keeper.id);
    return [...new Set(ranks.flat())].slice(0, MAX_NEEDED);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
