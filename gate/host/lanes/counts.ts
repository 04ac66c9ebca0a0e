/** What lanes have carried and what they have not, whoever carries them: the kernel, or this process. */

/** Sums since the start. */
export interface LaneCounts {
  packets: number;
  bytes: number;
  /** Packets to lanes' ports that came from no proved address. */
  unproved: number;
  /** Packets beyond a rate. */
  limited: number;
}

export function noCounts(): LaneCounts {
  return { packets: 0, bytes: 0, unproved: 0, limited: 0 };
}

/** Adds `more` to `sum`. */
export function addCounts(sum: LaneCounts, more: LaneCounts): void {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
  sum.unproved += more.unproved;
  sum.limited += more.limited;
}
