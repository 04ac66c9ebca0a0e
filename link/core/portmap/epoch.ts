/** Whether a router has lost its mappings since it was last heard: by its own seconds, which start anew with its state. */

/** What a router's clock showed, in s, and when that was heard, in ms. */
export interface EpochSeen {
  epoch: number;
  at: number;
}

/** Seconds that an answer may be late or early. */
const SLACK = 2;

/**
 * RFC 6887 section 8.5: the router's clock went back, or ran at a speed unlike ours by more than a sixteenth. The rule of
 * RFC 6886 section 3.6 allows it to be slow by an eighth, so a NAT-PMP router that this one suspects is asked once too often.
 */
export function lostState(before: EpochSeen, now: EpochSeen): boolean {
  if (now.epoch < before.epoch - 1) return true;
  const client = (now.at - before.at) / 1000;
  const server = now.epoch - before.epoch;
  return client + SLACK < server - server / 16 || server + SLACK < client - client / 16;
}
