/** Carries out a key rotation (core/keys/rotation.ts): the own one, and the acknowledgements of others'. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import type { Rotation, RotationAction, RotationEvent } from "../core/keys/rotation.ts";
import type { OwnRecord } from "./own_record.ts";

/** What came of a rotation. */
export interface Rotated {
  /** The WireGuard public key now in use, base64url. */
  wg: string;
  /** How many of the peers that were online had seen it before it was used. */
  acknowledged: number;
  peers: number;
}

/** What the rotator needs of the daemon. */
export interface RotatorHost {
  own: OwnRecord;
  machine: Rotation;
  now(): number;
  peersOnline(): string[];
  allPeers(): string[];
  /** Sends the own record to a peer. */
  tell(id: string, kind: "record" | "key-switched"): void;
  /** The own record is a new one: everybody else is to hear of it. */
  changed(): Promise<void>;
  reconcile(): Promise<void>;
  rearm(): void;
}

/** Runs rotations, one at a time. */
export class Rotator {
  readonly #o: RotatorHost;
  #waiting: PromiseWithResolvers<Rotated> | null = null;
  /** Next keys of peers that were acknowledged, so that it is done once. */
  readonly #acknowledged = new Map<string, string>();

  constructor(o: RotatorHost) {
    this.#o = o;
  }

  /**
   * Makes a new WireGuard key and brings it into use; resolves when this node uses it.
   * @throws GhostError `too_many` while another rotation runs
   */
  async rotate(): Promise<Rotated> {
    if (this.#waiting) throw new GhostError("too_many", "A rotation is under way", { mend: "wait for it to end" });
    const waiting = this.#waiting = Promise.withResolvers<Rotated>();
    try {
      const wg = await this.#o.own.announceKey();
      this.#handle({ type: "start", wg, peers: this.#o.peersOnline() });
      return await waiting.promise;
    } finally {
      this.#waiting = null;
    }
  }

  /** A peer has seen a next key of ours. */
  seen(peer: string, wg: string): void {
    this.#handle({ type: "seen", peer, wg });
  }

  /** A peer went offline, or is none any more. */
  gone(peer: string): void {
    this.#handle({ type: "gone", peer });
  }

  tick(): void {
    const due = this.nextDeadline();
    if (due !== null && due <= this.#o.now()) this.#handle({ type: "tick" });
  }

  /** When `tick` is due, in ms. */
  nextDeadline(): number | null {
    return this.#o.machine.nextDeadline();
  }

  /** Answers a peer's announcement, once a key. */
  acknowledge(peer: string, wg: string, send: (body: SignalBody) => void): void {
    if (this.#acknowledged.get(peer) === wg) return;
    this.#acknowledged.set(peer, wg);
    send({ t: "key-seen", wg });
  }

  #handle(event: RotationEvent): void {
    for (const action of this.#o.machine.handle(event, this.#o.now())) {
      this.#act(action).catch((error) => this.#waiting?.reject(error));
    }
    this.#o.rearm();
  }

  async #act(action: RotationAction): Promise<void> {
    if (action.type === "announce") {
      // Straight to the peers first: the coordinator may be slow or away.
      for (const id of this.#o.peersOnline()) this.#o.tell(id, "record");
      await this.#o.changed();
      return;
    }
    await this.#o.own.switchKey();
    // The interface takes the key before anybody hears of it (the other order lost 3 packets of 3,000, measured).
    await this.#o.reconcile();
    for (const id of this.#o.allPeers()) this.#o.tell(id, "key-switched");
    this.#waiting?.resolve({ wg: action.wg, acknowledged: action.acknowledged, peers: action.peers });
    await this.#o.changed();
  }
}
