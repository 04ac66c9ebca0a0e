/**
 * Changing a node's WireGuard key under running traffic without losing a packet. WireGuard has one private key an interface
 * and AllowedIPs belong to one peer, so the order decides (measured: any other one loses packets):
 *
 * 1. announce: the record names the next key; peers answer `key-seen` but configure nothing;
 * 2. switch: when all peers that are online have answered, or the wait is over, the interface takes the next private key.
 *    WireGuard stages what it sends (128 packets a peer) and still decrypts what comes under the old one;
 * 3. tell: the record that names the key as the one in use goes to every peer at once; they add the new key with endpoint,
 *    AllowedIPs and keepalive in one step, and remove the old one a second later (`RetiringKeys`).
 *
 * A peer that was offline meanwhile learns the new key from the record; nothing has to be remembered for it.
 */

/** How long to wait for peers that do not answer, in ms. */
export const ACK_WAIT = 5_000;
/** How long a peer's replaced key stays configured, in ms. */
export const RETIRE_AFTER = 1_000;

/** What happens to a rotation. */
export type RotationEvent =
  | { type: "start"; wg: string; peers: string[] }
  | { type: "seen"; peer: string; wg: string }
  | { type: "gone"; peer: string }
  | { type: "tick" };

/** What a rotation asks for. */
export type RotationAction =
  | { type: "announce"; wg: string }
  | { type: "switch"; wg: string; acknowledged: number; peers: number };

/** One node's own rotation; at most one at a time. */
export class Rotation {
  #run: { wg: string; peers: number; waiting: Set<string>; deadline: number } | null = null;

  /** True between `announce` and `switch`. */
  get busy(): boolean {
    return this.#run !== null;
  }

  /** Takes an event at `now` (ms); a start while busy is ignored. */
  handle(event: RotationEvent, now: number): RotationAction[] {
    const actions: RotationAction[] = [];
    if (event.type === "start") {
      if (this.#run) return [];
      this.#run = { wg: event.wg, peers: event.peers.length, waiting: new Set(event.peers), deadline: now + ACK_WAIT };
      actions.push({ type: "announce", wg: event.wg });
    }
    const run = this.#run;
    if (!run) return actions;
    if (event.type === "seen" && event.wg === run.wg) run.waiting.delete(event.peer);
    if (event.type === "gone" && run.waiting.delete(event.peer)) run.peers--;
    if (run.waiting.size === 0 || now >= run.deadline) {
      this.#run = null;
      actions.push({ type: "switch", wg: run.wg, acknowledged: run.peers - run.waiting.size, peers: run.peers });
    }
    return actions;
  }

  /** When to call with `tick`, in ms; null when nothing is waited for. */
  nextDeadline(): number | null {
    return this.#run?.deadline ?? null;
  }
}

/** Peers' replaced keys that stay configured a moment longer, so that packets under way are still decrypted. */
export class RetiringKeys {
  readonly #current = new Map<string, string>();
  readonly #retiring = new Map<string, { peer: string; until: number }>();

  /** Notes the key that `peer` uses now; a different one before it starts to retire. */
  use(peer: string, wg: string, now: number): void {
    const old = this.#current.get(peer);
    if (old === wg) return;
    this.#current.set(peer, wg);
    this.#retiring.delete(wg);
    if (old !== undefined) this.#retiring.set(old, { peer, until: now + RETIRE_AFTER });
  }

  /** Forgets a peer with all its keys, at once. */
  drop(peer: string): void {
    this.#current.delete(peer);
    for (const [wg, r] of this.#retiring) if (r.peer === peer) this.#retiring.delete(wg);
  }

  /** Keys that still have to be configured at `now`, without AllowedIPs. */
  keys(now: number): string[] {
    for (const [wg, r] of this.#retiring) if (r.until <= now) this.#retiring.delete(wg);
    return [...this.#retiring.keys()];
  }

  /** When the next key is to be removed, in ms. */
  nextDeadline(): number | null {
    let first: number | null = null;
    for (const r of this.#retiring.values()) if (first === null || r.until < first) first = r.until;
    return first;
  }
}
