/** Every bound of lanes in one place, but for bytes a second, which the host bounds in the kernel (rules.ts). */

/** Times in ms. */
export interface LaneLimits {
  /** Lanes of one node, and of all nodes of a network. */
  perNode: number;
  perNetwork: number;
  /** An ask that the other side does not share is forgotten. */
  askTime: number;
  /** Asks of one node that wait for the other side. */
  asksPerNode: number;
  /** Both ends must have proved an address. */
  proveTime: number;
  /** A proof holds for so long. */
  proofTime: number;
  /** An end without a session keeps its lane for so long. */
  awayTime: number;
  /** No data for so long. */
  idleTime: number;
  /** Between the word that a lane ends and its end. */
  linger: number;
}

export const LANE_LIMITS: LaneLimits = {
  perNode: 256,
  perNetwork: 65_536,
  askTime: 45_000,
  asksPerNode: 256,
  proveTime: 15_000,
  proofTime: 70_000,
  awayTime: 30_000,
  idleTime: 300_000,
  linger: 3_000,
};
