/** Pairs among as few nodes as give enough of them. */

/** How many nodes have `pairs` pairs among them. */
export function nodesFor(pairs: number): number {
  return Math.ceil((1 + Math.sqrt(1 + 8 * pairs)) / 2);
}

/** The first `count` pairs of `nodes` nodes, by distance, so that each node's share grows evenly. */
export function pairsOf(nodes: number, count: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let distance = 1; distance < nodes; distance++) {
    for (let a = 0; a + distance < nodes; a++) {
      if (pairs.length === count) return pairs;
      pairs.push([a, a + distance]);
    }
  }
  return pairs;
}
