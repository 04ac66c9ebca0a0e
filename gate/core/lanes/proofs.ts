/**
 * Proofs of address on a lane's port (mesh/wire/lane.ts): an address counts when a nonce that was sent to it has come back with
 * the token of that end. What lacks the token gets no answer at all, so nothing can be bounced and nothing can be found out.
 */
import {
  decodeLaneRequest,
  encodeLaneNonce,
  encodeLaneProved,
  type Hmac,
  laneIntegrityHolds,
  type LaneRequest,
} from "../../../mesh/wire/lane.ts";
import { equalBytes, utf8 } from "../../../mesh/wire/encoding.ts";
import { familyOf } from "../../../mesh/wire/stun/address.ts";
import type { End, Lane, LaneAddress } from "./lane.ts";

export interface ProofOptions {
  hmac: Hmac;
  /** 32 random bytes. */
  secret: Uint8Array;
  /** Whether an address may be an end (addresses.ts). */
  accept(address: string): boolean;
  laneOf(port: number): Lane | undefined;
}

/** What a control datagram came to: an answer, and whether this end's addresses have changed; null when it proves nothing. */
export interface Heard {
  lane: Lane;
  /** Null when the address changes too often. */
  answer: Uint8Array | null;
  change: "none" | "new" | "moved";
}

export class Proofs {
  readonly #o: ProofOptions;

  constructor(o: ProofOptions) {
    this.#o = o;
  }

  /** Takes a control datagram. @param now ms since 1970 */
  hear(bytes: Uint8Array, from: LaneAddress, now: number): Heard | null {
    const { hmac } = this.#o;
    const request = decodeLaneRequest(bytes);
    const lane = request && this.#o.laneOf(request.port);
    if (!lane) return null;
    const end = lane.ends[request.end];
    if (!laneIntegrityHolds(request.message, end.token, hmac) || !this.#o.accept(from.address)) return null;
    const { transaction } = request.message;
    const nonce = this.#nonce(lane, request, from);
    if (!equalBytes(nonce, request.nonce)) {
      return { lane, answer: encodeLaneNonce({ nonce, transaction }, end.token, hmac), change: "none" };
    }
    const change = prove(lane, end, { from, now });
    if (change === null) return { lane, answer: null, change: "none" };
    return { lane, answer: encodeLaneProved({ address: from, transaction }, end.token, hmac), change };
  }

  /** Good for this end at this address, and no longer than that is its newest. */
  #nonce(lane: Lane, { end }: LaneRequest, from: LaneAddress): Uint8Array {
    const epoch = lane.ends[end].epochs[familyOf(from.address)];
    const text = `${lane.port} ${end} ${epoch} ${from.address} ${from.port} ${from.local}`;
    return this.#o.hmac(this.#o.secret, utf8(text)).slice(0, 16);
  }
}

/** The address counts; null when it changes too often. */
function prove(lane: Lane, end: End, o: { from: LaneAddress; now: number }): Heard["change"] | null {
  const { from: { address, port, local }, now } = o;
  const family = familyOf(address);
  const before = end.proved[family];
  if (before?.address === address && before.port === port && before.local === local) {
    before.at = now;
    return "none";
  }
  if (!lane.moves.take(1, now)) return null;
  // What was proved before cannot be proved again by the old nonce; the new address keeps working with the next one.
  if (before) end.epochs[family]++;
  end.proved[family] = { address, port, local, at: now };
  return before ? "moved" : "new";
}
