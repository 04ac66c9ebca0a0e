/** The coordinator's stream, and which part of a daemon what comes on it is for. */
import { follow } from "./follow.ts";
import type { Grace } from "./grace.ts";
import type { Change } from "./network_view.ts";
import type { Parts } from "./parts.ts";
import type { UpWait } from "./up_wait.ts";
import type { Waits } from "./waits.ts";

/** What following needs of the daemon. */
export interface FollowMeshHost {
  signal: AbortSignal;
  /** Of STREAM_WAITS. */
  waits: Waits;
  up: UpWait;
  grace: Grace | null;
  changed(change: Change): void;
  connected(up: boolean, reason: string | null): void;
  rejected(what: string, why: string): void;
}

/** Follows the coordinator; resolves when the signal has ended that. */
export function followMesh(
  { mesh, view, desk, turn, signals, gates, publisher }: Parts,
  { signal, waits, up, grace, changed, connected, rejected }: FollowMeshHost,
): Promise<void> {
  return follow({
    client: mesh,
    view,
    signal,
    waits,
    random: Math.random,
    events: {
      changed,
      entry: async (jws) => void await desk.take([jws]),
      mail: (from, box, kept) => {
        if (!turn.mailed(from, box)) signals.receive(from, box, kept);
      },
      connected,
      rejected,
      synced: () => {
        up.gates(gates.dialled);
        void grace?.contact();
        void publisher.publish();
      },
      refused: (code) => void (code === "unauthorized" ? publisher.again() : publisher.publish()),
    },
  });
}
