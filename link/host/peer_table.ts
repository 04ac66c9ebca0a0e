/** The peers of this node: one `Peer` for everybody whom the policy lets it see, as the network view changes. */
import { pause } from "../../mesh/wire/pause.ts";
import { RetiringKeys } from "../core/keys/rotation.ts";
import type { Counters } from "../core/path/mod.ts";
import type { HostRoute } from "../core/plan/mod.ts";
import { leadsThroughCarrier, type RouteUse } from "../core/routes/mod.ts";
import { addressesOf } from "./join.ts";
import { Doubts } from "./doubts.ts";
import type { Gates } from "./gates.ts";
import type { WantedPeer } from "./machine.ts";
import type { NetworkView } from "./network_view.ts";
import { Peer } from "./peer.ts";
import type { PeerHost } from "./peer_host.ts";

/** A record that is so old, in seconds, was published just now. */
const JUST = 30;
/** So many peers write to a newcomer unasked. */
const FEW = 64;

/** Peers who are there are waited for so long, in ms. */
const PATIENCE = 300;

/** What the table needs of the daemon, besides what each peer needs. */
export interface PeerTableOptions {
  view: NetworkView;
  gates: Gates;
  /** For each peer: everything but what the table knows itself. */
  host: Omit<PeerHost, "selfId" | "accept" | "gates" | "tieBreaker" | "peerGates" | "doubted">;
  /** What became of each route at the last run, and the machine's own routes. */
  routing(): { uses: readonly RouteUse[]; others: readonly HostRoute[] };
  /** What WireGuard counts for each peer now, by its key. @throws */
  counters(): Promise<ReadonlyMap<string, Counters>>;
  tieBreaker(): bigint;
  /** True while the coordinator can carry signals. */
  meshUp(): boolean;
  added(id: string, wgNext: string | undefined): void;
  removed(id: string): void;
  rearm(): void;
}

/** All peers. */
export class PeerTable {
  readonly #o: PeerTableOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #retiring = new RetiringKeys();
  readonly #doubts: Doubts;

  constructor(o: PeerTableOptions) {
    this.#o = o;
    this.#doubts = new Doubts({
      count: () => o.counters(),
      counted: (counters) => this.counted(counters),
      freshen: () => o.host.hub.freshen(),
    });
  }

  get all(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  /** Peers' replaced WireGuard keys that are still to be decrypted. */
  retiring(): string[] {
    return this.#retiring.keys(this.#o.host.now());
  }

  /** Brings the table in line with the view. */
  sync(): void {
    const { view, gates, host } = this.#o;
    const wanted = new Map(view.rights.peers().map((p) => [p.id, p]));
    for (const [id, peer] of this.#peers) {
      if (wanted.has(id)) continue;
      peer.close();
      this.#peers.delete(id);
      this.#retiring.drop(id);
      this.#o.removed(id);
    }
    for (const [id, known] of wanted) {
      const { wg, wgNext } = known.verified.record;
      this.#retiring.use(id, wg, host.now());
      if (!this.#peers.has(id)) this.#add(id);
      this.#o.added(id, wgNext);
    }
    gates.watch([...this.#peers.keys()].sort());
    this.#o.rearm();
  }

  #add(id: string): void {
    const { view, gates, host } = this.#o;
    const peer = new Peer(id, {
      ...host,
      selfId: view.selfId,
      gates,
      tieBreaker: this.#o.tieBreaker(),
      accept: (address) => !view.isOverlay(address) && !leadsThroughCarrier(address, this.#o.routing()),
      doubted: () => this.#doubts.raise(),
      peerGates: () => view.nodes.get(id)?.verified.record.gates ?? [],
    });
    this.#peers.set(id, peer);
    if (this.#isNewcomer(id)) peer.packets.heard();
    void host.changed().then(() => this.#peers.get(id) === peer && peer.packets.configured());
    queueMicrotask(() => this.tellReach(id));
  }

  /** Whoever has just told of itself is there; in a large network they would all write to a newcomer at once. */
  #isNewcomer(id: string): boolean {
    const { iat } = this.#o.view.nodes.get(id)!.verified.record;
    return this.#peers.size <= FEW && Math.abs(this.#o.host.now() / 1000 - iat) < JUST;
  }

  /** Tells a peer's path machine what leads to it now; without an id, every peer's. */
  tellReach(id?: string): void {
    const { gates } = this.#o;
    for (const peer of id === undefined ? this.#peers.values() : [this.#peers.get(id)]) {
      if (!peer) continue;
      peer.reachChanged();
      peer.event({ kind: gates.towards(peer.id) || this.#o.meshUp() ? "peerOnline" : "peerOffline" });
    }
    this.#o.rearm();
  }

  /** Resolves when WireGuard knows the peers who are at our gates now, or after a while. */
  async complete(signal: AbortSignal): Promise<void> {
    const there = [...this.#peers.values()].filter(({ id }) => this.#o.gates.towards(id) !== null);
    await Promise.race([Promise.all(there.map(({ packets }) => packets.known)), pause(PATIENCE, signal)]);
  }

  /** What WireGuard and nftables should have for all of them. */
  wanted(): WantedPeer[] {
    return [...this.#peers.values()].flatMap((peer) => {
      const known = this.#o.view.nodes.get(peer.id);
      if (!known) return [];
      return [{
        id: peer.id,
        wg: known.verified.record.wg,
        addresses: addressesOf(known),
        up: peer.state.rung !== "none",
        ...peer.wanted(),
      }];
    });
  }

  /** What WireGuard counts for each peer, by its key. */
  counted(counters: ReadonlyMap<string, Counters>): void {
    for (const peer of this.#peers.values()) {
      const found = counters.get(this.#o.view.nodes.get(peer.id)?.verified.record.wg ?? "");
      if (found) peer.counted(found);
    }
    this.#o.rearm();
  }

  /** Runs the peers' timers. Returns true when a replaced key is to be removed now. */
  tick(): boolean {
    for (const peer of this.#peers.values()) peer.tick();
    const due = this.#retiring.nextDeadline();
    return due !== null && due <= this.#o.host.now();
  }

  /** Deadlines of all of them, ms. */
  deadlines(): (number | null)[] {
    return [
      this.#retiring.nextDeadline(),
      ...[...this.#peers.values()].map((p) => p.nextDeadline()),
    ];
  }

  close(): void {
    void this.#doubts.stop();
    for (const peer of this.#peers.values()) peer.close();
  }
}
