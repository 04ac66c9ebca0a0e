/**
 * The peers of an allocation: which have a permission (RFC 8656 section 9) and which a channel (section 12). A permission
 * comes first, so that packets flow by Send and Data indications; the channel then makes them 32 bytes shorter, and its
 * refresh refreshes the permission too. A server that gives no channel is used without.
 */
import { endpointText, FIRST_CHANNEL, LAST_CHANNEL, type TransportAddress } from "../../../mesh/wire/stun/mod.ts";

/** Permissions live 300 s, bindings 600 s: both are refreshed after this many ms. */
const REFRESH_AFTER = 240_000;
/** A number is not bound to another peer before its old binding and the quiet time behind it are over (section 12), in ms. */
const QUIET = 600_000 + 300_000;
/** Peers of one client. */
const MAX_PEERS = 2_000;

/** A peer and what the server has granted for it. */
export interface TurnPeer {
  readonly address: TransportAddress;
  permitted: boolean;
  /** Null until one was chosen. */
  channel: number | null;
  bound: boolean;
  /** The server gives no channel for it. */
  unbindable: boolean;
  /** When its next request is due; Infinity while one is under way. */
  due: number;
}

export class TurnPeers {
  readonly #byAddress = new Map<string, TurnPeer>();
  readonly #byChannel = new Map<number, TurnPeer>();
  /** Given back numbers: when each may be used again, and whose it was; the server goes on sending that peer's packets by it. */
  readonly #resting = new Map<number, { until: number; key: string }>();
  /** The number that each of them had. */
  readonly #had = new Map<string, number>();
  #next = FIRST_CHANNEL;

  /** Adds a peer; false when it is there already or there are too many. */
  add(address: TransportAddress, now: number): boolean {
    const key = endpointText(address);
    if (this.#byAddress.has(key) || this.#byAddress.size >= MAX_PEERS) return false;
    const peer: TurnPeer = { address, permitted: false, channel: null, bound: false, unbindable: false, due: now };
    this.#byAddress.set(key, peer);
    const had = this.#had.get(key);
    if (had !== undefined && this.#resting.get(had)!.until > now) this.#give(peer, had); // bound to this peer, and to no other
    return true;
  }

  remove(address: TransportAddress, now: number): void {
    const key = endpointText(address);
    const peer = this.#byAddress.get(key);
    if (!peer) return;
    this.#byAddress.delete(key);
    if (peer.channel !== null) this.#rest(peer.channel, key, now);
  }

  #rest(channel: number, key: string, now: number): void {
    this.#byChannel.delete(channel);
    this.#resting.set(channel, { until: now + QUIET, key });
    this.#had.set(key, channel);
  }

  #give(peer: TurnPeer, channel: number): void {
    const before = this.#resting.get(channel)?.key;
    if (before !== undefined && this.#had.get(before) === channel) this.#had.delete(before);
    this.#resting.delete(channel);
    peer.channel = channel;
    this.#byChannel.set(channel, peer);
  }

  has(peer: TurnPeer): boolean {
    return this.#byAddress.get(endpointText(peer.address)) === peer;
  }

  get(address: TransportAddress): TurnPeer | undefined {
    return this.#byAddress.get(endpointText(address));
  }

  ofChannel(channel: number): TurnPeer | undefined {
    return this.#byChannel.get(channel);
  }

  /** Gives the peer a number of its own; false when all are in use. */
  assign(peer: TurnPeer, now: number): boolean {
    for (let i = FIRST_CHANNEL; i <= LAST_CHANNEL; i++) {
      const channel = this.#next;
      this.#next = channel === LAST_CHANNEL ? FIRST_CHANNEL : channel + 1;
      if (this.#byChannel.has(channel) || (this.#resting.get(channel)?.until ?? 0) > now) continue;
      this.#give(peer, channel);
      return true;
    }
    return false;
  }

  /** The server refuses the peer a channel. */
  unbind(peer: TurnPeer, now: number): void {
    peer.unbindable = true;
    peer.bound = false;
    if (peer.channel !== null) this.#rest(peer.channel, endpointText(peer.address), now);
    peer.channel = null;
  }

  /** Its request was granted: the next one is due in good time. */
  rest(peer: TurnPeer, now: number): void {
    peer.due = now + REFRESH_AFTER;
  }

  due(now: number): TurnPeer[] {
    return [...this.#byAddress.values()].filter((peer) => peer.due <= now);
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const peer of this.#byAddress.values()) if (peer.due < next) next = peer.due;
    return next;
  }
}
