/**
 * Which rung carries the packets to one peer.
 *
 * Relayed at once, direct when ICE has found a pair, back within seconds when the pair dies. WireGuard has one endpoint a
 * peer and roams to wherever the last authentic packet came from, so on a climb packets that are still under way over the relay
 * would pull it back: `bridgeLateRelayed` is on before the endpoint is set to an address of WireGuard's own (direct, lane) and for
 * as long as that is in use. On a fall to a rung through this process it is off first, because the relay's packets must then be
 * allowed to pull WireGuard away from the dead pair.
 *
 * The two ends decide for themselves and tell each other with `moved`. Who hears that the peer has fallen from direct falls
 * too, although its own half may still seem to work; who hears that the peer has climbed does not wait for its own hold.
 * When two daemons meet first, WireGuard sends by itself once each of the two knows the other (or that is not to be learnt for some
 * seconds): their first handshake goes through this process, where what comes too early waits and two that cross are told apart. What
 * WireGuard sends itself to one that does not know it yet is lost, for 5 s.
 *
 * A rung that failed is held down with growing waits, a relayed one at the gate where it did. A held rung is still better than none.
 */
import { endpointText, sameAddress } from "../../../mesh/wire/stun/address.ts";
import type { PathAction, PathEvent, Relay, Rung } from "./event.ts";
import { Hold } from "./hold.ts";
import { IceClock } from "./ice_clock.ts";
import { Mover } from "./mover.ts";
import { best } from "./score.ts";

/** 1 s, 2 s, 4 s ... 60 s; a minute of health forgives. */
const HOLD = { firstMs: 1_000, longestMs: 60_000, healthyMs: 60_000 };
/** A NAT that gave another address so long ago, in ms, may be what the direct path has died of. */
const CHANGED = 10_000;

/**
 * The peer's WireGuard is waited for so long before this one sends by itself, in ms: longer than until this one begins its next handshake,
 * which a machine that starts slowly would miss; but what it says may have come by a way that this process does not see.
 */
const UNHEARD = 6_000;

/** A rung that is up; `local` is the address that WireGuard sends from where that is known. */
interface Live extends Relay {
  local: string | null;
}

/** What a path looks like from outside. */
export interface PathView {
  rung: Rung;
  endpoint: string | null;
  rttMs: number | null;
  /** Time of the last change of rung; null before the first. */
  since: number | null;
}

export class Path {
  readonly #live = new Map<Rung, Live>();
  /** By `endOf`. */
  readonly #holds = new Map<string, Hold>();
  readonly #mover = new Mover();
  readonly #ice = new IceClock();
  #now = 0;
  #online = false;
  /** WireGuard knows the peer; the peer's knows this machine. */
  #knows = false;
  #known = false;
  /** When the first rung of WireGuard's own came up. */
  #ownSince = Infinity;
  #bridge = false;
  /** The peer has made an offer since a pair was selected last. */
  #peerBegan = false;
  #mappingChangedAt = -Infinity;
  #current: Live | null = null;
  #since: number | null = null;
  #actions: PathAction[] = [];

  get view(): PathView {
    const { rung = "none", endpoint = null } = this.#current ?? {};
    return { rung, endpoint, rttMs: this.#current?.rttMs ?? null, since: this.#since };
  }

  /** What the peer has said that it sends on; null before its first word. */
  get peerRung(): string | null {
    return this.#mover.peerRung;
  }

  handle(event: PathEvent, now: number): PathAction[] {
    this.#actions = [];
    this.#now = now;
    this.#take(event, now);
    this.#choose(now);
    this.#actions.push(...this.#mover.tick(now, this.#canSignal));
    const drained = this.#mover.drained(now);
    if (drained !== undefined) {
      this.#use();
      if (drained !== null) this.#actions.push({ kind: "release", rung: drained });
    }
    const ice = this.#ice.tick(now, this.#canSignal);
    if (ice) this.#actions.push(ice);
    return this.#actions;
  }

  nextDeadline(): number | null {
    const waits = [...this.#live.values()].filter(({ rung }) => rung !== this.#current?.rung)
      .map((live) => this.#hold(live).until);
    if (this.#knows && !this.#known) waits.push(this.#ownSince + UNHEARD);
    const next = Math.min(
      ...waits.filter((at) => at > this.#now),
      this.#mover.nextDeadline(this.#canSignal),
      this.#ice.nextDeadline(this.#now, this.#canSignal),
    );
    return Number.isFinite(next) ? next : null;
  }

  get #canSignal(): boolean {
    return this.#online;
  }

  #take(event: PathEvent, now: number): void {
    switch (event.kind) {
      case "relayUp":
        this.#live.set(event.relay.rung, { ...event.relay, local: null });
        break;
      case "relayDown":
        this.#fail(event.rung, now);
        break;
      case "peerOnline":
        if (!this.#canSignal) this.#ice.hurry();
        this.#online = true;
        break;
      case "peerOffline":
        this.#online = false;
        break;
      case "iceStarted":
        this.#ice.started(now);
        this.#peerBegan = true;
        break;
      case "iceAnswered":
        this.#ice.answered();
        break;
      case "iceSelected":
        this.#selected(event, now);
        break;
      case "iceConsentLost":
        this.#lose(now);
        break;
      case "iceFailed":
        this.#ice.failed(now);
        break;
      case "peerMoved":
        this.#peerMoved(event.rung, event.serial, now);
        break;
      case "peerMovedAck":
        this.#mover.peerAcked(event.serial, now);
        break;
      case "wgConfigured":
        this.#knows = true;
        break;
      case "wgHeard":
        this.#known = true;
        break;
      case "wgHandshakeStale":
        this.#stale(now);
        break;
      case "mappingChanged":
        this.#mappingChangedAt = now;
        this.#mend();
        break;
      case "peerMappingChanged":
        this.#hold(DIRECT).mend(); // its own offer begins ICE anew
        break;
      case "networkChanged":
        for (const hold of this.#holds.values()) hold.reset();
        this.#ice.renew();
        break;
      case "tick":
        break;
    }
  }

  #selected({ pair, rttMs }: Extract<PathEvent, { kind: "iceSelected" }>, now: number): void {
    this.#ice.succeeded(now);
    const direct: Live = {
      rung: "direct",
      rank: 0,
      endpoint: endpointText(pair.remote),
      rttMs,
      wireguard: pair.remote,
      local: pair.local.base.address,
    };
    this.#live.set("direct", direct);
    // A peer that was started anew has not heard that this end sends there, and its process sees none of the packets.
    if (this.#peerBegan && this.#current?.rung === "direct" && sameEnd(direct, this.#current)) {
      this.#mover.moved("direct", now);
    }
    this.#peerBegan = false;
  }

  #peerMoved(rung: string, serial: number, now: number): void {
    const before = this.#mover.peerRung;
    const news = this.#mover.peerMoved(rung, serial, now);
    // An old serial is a repetition whose acknowledgement was lost, or older than what the peer has said since.
    if (news || serial === this.#mover.peerSerial) this.#actions.push({ kind: "sendMovedAck", rung, serial });
    if (!news) return;
    const current = this.#current;
    if (rung === "direct" || rung === "lane") this.#known = true; // it sends there by itself
    if (rung === "direct") this.#hold(DIRECT).lift();
    else if (before !== current?.rung) return;
    else if (before === "direct") this.#lose(now);
    else if (rung !== before && current.wireguard) this.#hold(current).fail(now);
  }

  /** The direct path is dead. */
  #lose(now: number): void {
    this.#fail("direct", now);
    this.#ice.failed(now);
    if (now - this.#mappingChangedAt < CHANGED) this.#mend();
  }

  /** What the direct path has died of, if anything, is no longer so. */
  #mend(): void {
    this.#hold(DIRECT).mend();
    this.#ice.hurry();
  }

  /** The rung in use does not deliver. One that is the only one stays: it may come to itself. */
  #stale(now: number): void {
    const current = this.#current;
    if (current?.rung === "direct") this.#lose(now);
    else if (current && this.#live.size > 1) this.#hold(current).fail(now);
  }

  #fail(rung: Rung, now: number): void {
    if (!this.#live.delete(rung)) return;
    if (this.#current?.rung === rung) this.#hold(this.#current).fail(now);
  }

  #hold(live: Pick<Live, "rung" | "endpoint">): Hold {
    const end = endOf(live);
    const hold = this.#holds.get(end) ?? new Hold(HOLD);
    this.#holds.set(end, hold);
    return hold;
  }

  #choose(now: number): void {
    if (this.#ownSince === Infinity && [...this.#live.values()].some(({ wireguard }) => wireguard)) {
      this.#ownSince = now;
    }
    const own = this.#knows && (this.#known || now >= this.#ownSince + UNHEARD);
    const usable = [...this.#live.values()].filter(({ wireguard }) => wireguard === null || own);
    const options = usable.map((live) => ({ ...live, held: this.#hold(live).holds(now) }));
    const choice = best(options);
    const live = choice === undefined ? null : this.#live.get(choice.rung)!;
    if (live === this.#current) return;
    const moved = live?.rung !== this.#current?.rung || !sameEnd(live, this.#current);
    const rungChanged = live?.rung !== this.#current?.rung;
    this.#current = live;
    if (!moved) return;
    if (rungChanged) this.#since = now;
    if (live) this.#hold(live).up(now);
    this.#bridgeFor(live);
    this.#use();
    this.#mover.moved(live?.rung ?? "none", now);
    const { rung, endpoint, rttMs } = this.view;
    this.#actions.push({ kind: "notify", rung, endpoint, rttMs, since: this.#since ?? now });
  }

  #bridgeFor(live: Live | null): void {
    if (live?.wireguard) {
      this.#actions.push({ kind: "bridgeLateRelayed", on: true, remote: live.wireguard, local: live.local });
    } else if (this.#bridge) this.#actions.push({ kind: "bridgeLateRelayed", on: false });
    this.#bridge = !!live?.wireguard;
  }

  /** Said again when a move has settled, because packets over the old rung may have made WireGuard roam meanwhile. */
  #use(): void {
    const { rung = "none", wireguard = null } = this.#current ?? {};
    this.#actions.push({ kind: "use", rung, wireguard });
  }
}

const DIRECT = { rung: "direct", endpoint: null } as const;

/** What fails as one: the direct rung wherever it leads, a relayed one at one gate, which says nothing of another gate. */
function endOf({ rung, endpoint }: Pick<Live, "rung" | "endpoint">): string {
  return rung === "direct" ? rung : `${rung} ${endpoint}`;
}

function sameEnd(a: Live | null, b: Live | null): boolean {
  if (!a?.wireguard || !b?.wireguard) return a?.endpoint === b?.endpoint;
  return sameAddress(a.wireguard, b.wireguard) && a.local === b.local;
}
