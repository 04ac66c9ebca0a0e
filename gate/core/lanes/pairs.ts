/** Who has asked for a lane with whom, and who has one, counted for the quotas. */
import type { LaneEnd } from "../../../mesh/wire/gate_session.ts";
import type { Lane } from "./lane.ts";

/** Two nodes of a network that may get a lane, or have one. */
export interface Pair {
  readonly net: string;
  /** The smaller id first: a lane's ends are numbered so. */
  readonly nodes: readonly [string, string];
  /** Who asked first: the pair counts for it alone, else others could use up what a node may ask for. */
  readonly by: string;
  /** When each has asked; null when it has not. */
  asked: [number | null, number | null];
  readonly lane: Lane | null;
}

interface Counts {
  pairs: number;
  lanes: number;
}

export class Pairs {
  readonly #all = new Map<string, Pair & { lane: Lane | null }>();
  /** How many pairs a node has begun and how many lanes name it, and how many there are in a network. */
  readonly #nodes = new Map<string, Counts>();
  readonly #networks = new Map<string, Counts>();

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Pair> {
    return this.#all.values();
  }

  find(net: string, a: string, b: string): Pair | undefined {
    return this.#all.get(keyOf(net, a, b));
  }

  /** `by` begins a pair with `to`. */
  add(net: string, by: string, to: string): Pair {
    const pair: Pair = { net, nodes: by < to ? [by, to] : [to, by], by, asked: [null, null], lane: null };
    this.#all.set(keyOf(net, by, to), pair);
    this.#count(pair, "pairs", 1);
    return pair;
  }

  delete(pair: Pair): void {
    if (this.#all.delete(keyOf(pair.net, ...pair.nodes))) this.#count(pair, "pairs", -1);
  }

  /** The pair has this lane from now on, or none. */
  set(pair: Pair, lane: Lane | null): void {
    if ((pair.lane === null) !== (lane === null)) this.#count(pair, "lanes", lane === null ? -1 : 1);
    (pair as { lane: Lane | null }).lane = lane;
  }

  ofNode(net: string, node: string): Readonly<Counts> {
    return this.#nodes.get(`${net} ${node}`) ?? { pairs: 0, lanes: 0 };
  }

  ofNetwork(net: string): Readonly<Counts> {
    return this.#networks.get(net) ?? { pairs: 0, lanes: 0 };
  }

  #count(pair: Pair, what: keyof Counts, by: 1 | -1): void {
    const add = (counts: Map<string, Counts>, key: string) => {
      const now = counts.get(key) ?? { pairs: 0, lanes: 0 };
      now[what] += by;
      if (now.pairs + now.lanes > 0) counts.set(key, now);
      else counts.delete(key);
    };
    for (const node of what === "pairs" ? [pair.by] : pair.nodes) add(this.#nodes, `${pair.net} ${node}`);
    add(this.#networks, pair.net);
  }
}

/** Which end of the pair's lane a node is. */
export function endOf(pair: Pair, node: string): LaneEnd {
  return pair.nodes[0] === node ? 0 : 1;
}

function keyOf(net: string, a: string, b: string): string {
  return a < b ? `${net} ${a} ${b}` : `${net} ${b} ${a}`;
}
