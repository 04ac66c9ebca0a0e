/** Every bound of the gate in one place. Times are in ms, sizes in bytes. */
export interface Limits {
  /** Connections that have not proved themselves: for how long, how many at once, and how many of one source. */
  authTime: number;
  unproved: number;
  unprovedPerSource: number;
  sessions: number;
  /** An idle session is asked after `pingAfter` and dropped after `silentAfter`. */
  pingAfter: number;
  silentAfter: number;
  /** What may wait for one slow receiver; the oldest goes first. */
  packets: number;
  packetBytes: number;
  signals: number;
  signalBytes: number;
  pongs: number;
  /** Messages with ledger entries. */
  ledger: number;
  /** Words about lanes: three kinds for each that a node may have or wait for (lanes/limits.ts). */
  laneWords: number;
  /** Signals a second that one session may send, and at once. */
  signalRate: number;
  signalBurst: number;
  /** Watched nodes a second that one session may ask for, and at once. */
  watchRate: number;
  watchBurst: number;
  /** Newer records a second, and at once: each costs signature checks. */
  recordRate: number;
  recordBurst: number;
  /** Words about lanes a second, and at once. */
  laneRate: number;
  laneBurst: number;
  /** Messages about the ledger a second, and at once. */
  ledgerRate: number;
  ledgerBurst: number;
  /** Asks for TURN credentials a second, and at once. */
  turnRate: number;
  turnBurst: number;
}

/** A full WireGuard burst fits the packet bounds; the rest is far above what a well-behaved node needs. */
export const LIMITS: Limits = {
  authTime: 5_000,
  unproved: 512,
  unprovedPerSource: 64,
  sessions: 10_000,
  pingAfter: 15_000,
  silentAfter: 45_000,
  packets: 512,
  packetBytes: 1 << 20,
  signals: 256,
  signalBytes: 1 << 20,
  pongs: 64,
  ledger: 16,
  laneWords: 1_536,
  signalRate: 100,
  signalBurst: 1_000,
  watchRate: 2_000,
  watchBurst: 20_000,
  recordRate: 0.2,
  recordBurst: 10,
  laneRate: 20,
  laneBurst: 600,
  ledgerRate: 20,
  ledgerBurst: 300,
  turnRate: 0.2,
  turnBurst: 10,
};
