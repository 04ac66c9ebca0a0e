/**
 * The mapping of WireGuard's port at this machine's router. One router, one mapping: PCP, NAT-PMP and UPnP are looked for at
 * once and asked in that order. The mapping is looked after every minute (a router's clock tells whether it has restarted),
 * made again at half of its life and whenever a path was lost, and removed when the tunnel ends.
 */
import { type EpochSeen, lookAt, lostState, refusedExternal, renewAt, SEARCH_AGAIN } from "../../core/portmap/mod.ts";
import { sameAddress, type TransportAddress } from "../../../mesh/wire/stun/mod.ts";
import type { Log } from "../../../mesh/host/log.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import { pause } from "../../../mesh/wire/pause.ts";
import { Coalesced } from "../coalesced.ts";
import type { Finder, Mapper, MapProtocol, Way } from "./protocol.ts";

/** A better protocol may answer this much later than a worse one and is still preferred, in ms. */
const HEAD_START = 100;
/** Doubts are followed at most this often, in ms. */
const DOUBT_EVERY = 3_000;
/** What the end waits for a silent router, in ms. */
const FAREWELL = 1_000;

/** What is known, for people. */
export interface PortMapState {
  gateway: string | null;
  /** Those that answered the last search. */
  answered: readonly MapProtocol[];
  mapping: { protocol: MapProtocol; external: TransportAddress } | null;
  /** Why there is no mapping; null with one. */
  why: string | null;
}

interface Held {
  mapper: Mapper;
  external: TransportAddress;
  renewAt: number;
  seen: EpochSeen | null;
}

export interface PortMapOptions {
  /** In the order in which they are preferred. */
  finders: readonly Finder[];
  /** Whether an address belongs to the network's own range. */
  overlay: (address: string) => boolean;
  log: Log;
  /** Ms. */
  now: () => number;
  /** Runs something once after so many ms, unless the returned function is called before. */
  after: (ms: number, run: () => void) => () => void;
  /** The mapping is another one, or gone. */
  changed: (external: TransportAddress | null) => void;
}

/** Keeps one mapping. */
export class PortMap {
  readonly #o: PortMapOptions;
  #way: Way | null = null;
  #held: Held | null = null;
  #answered: MapProtocol[] = [];
  #why: string | null = "there is no router to ask";
  /** Searches without a mapping since the way changed. */
  #misses = 0;
  #doubted = -Infinity;
  #renewNow = false;
  #cancel: () => void = () => {};
  #closed = false;
  readonly #runs = new Coalesced(() =>
    this.#run().catch((error) => this.#o.log.warn("The port could not be mapped", { why: errorLine(error) }))
  );

  constructor(o: PortMapOptions) {
    this.#o = o;
  }

  get state(): PortMapState {
    const { mapper, external } = this.#held ?? {};
    return {
      gateway: this.#way?.gateway ?? null,
      answered: this.#answered,
      mapping: mapper && external ? { protocol: mapper.protocol, external } : null,
      why: this.#why,
    };
  }

  /** Which router is asked, from which address, for which port; null when there is none. */
  setWay(way: Way | null): void {
    const { gateway, source, port } = this.#way ?? {};
    if (gateway === way?.gateway && source === way?.source && port === way?.port) return;
    this.#way = way;
    const old = this.#held;
    this.#let(way === null ? "there is no router to ask" : "the router is being asked");
    if (old) void old.mapper.unmap(old.external).catch(() => {}); // often that network is gone
    this.#misses = 0;
    this.#answered = [];
    void this.#runs.request();
  }

  /** A path was lost: the router may have forgotten the mapping. */
  doubt(): void {
    const now = this.#o.now();
    if (this.#way === null || this.#closed || now - this.#doubted < DOUBT_EVERY) return;
    this.#doubted = now;
    this.#renewNow = true;
    void this.#runs.request();
  }

  /** Looks now whether a router answers, and resolves when that is known. */
  async look(): Promise<void> {
    if (this.#held === null) await this.#runs.request();
  }

  /** Removes the mapping. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, FAREWELL);
    await Promise.race([this.#runs.stop(), late.promise]);
    const held = this.#held;
    if (held) await Promise.race([held.mapper.unmap(held.external).catch(() => {}), late.promise]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    this.#cancel();
    const way = this.#way;
    if (way === null) return;
    const renew = this.#renewNow;
    this.#renewNow = false;
    if (this.#held === null || !await this.#keep(way, this.#held, renew)) await this.#search(way);
    if (way !== this.#way || this.#closed) return;
    const now = this.#o.now();
    const next = this.#held
      ? lookAt(now, { renew: this.#held.renewAt, clock: this.#held.seen !== null }) - now
      : SEARCH_AGAIN[Math.min(this.#misses, SEARCH_AGAIN.length) - 1] ?? SEARCH_AGAIN[0]!;
    this.#cancel = this.#o.after(Math.max(1_000, next), () => void this.#runs.request());
  }

  /** Looks after the mapping; false when it is not to be had any more. */
  async #keep(way: Way, held: Held, renew: boolean): Promise<boolean> {
    const now = this.#o.now();
    if (!renew && now < held.renewAt && held.seen !== null) {
      const epoch = await held.mapper.epoch();
      if (epoch !== null) {
        const seen = { epoch, at: this.#o.now() };
        if (!lostState(held.seen, seen)) {
          held.seen = seen;
          return true;
        }
        this.#o.log.info("The router has restarted; the port is mapped again");
      }
    }
    return await this.#map(way, held.mapper, held.external) === null;
  }

  async #search(way: Way): Promise<void> {
    const rest = this.#o.finders.map((find, rank) => find(way).then((mapper) => ({ mapper, rank })));
    this.#answered = [];
    const found: { mapper: Mapper; rank: number }[] = [];
    const all = Promise.all(rest.map(async (search) => {
      const { mapper, rank } = await search;
      if (mapper === null) return;
      found.push({ mapper, rank });
      this.#answered = found.toSorted((a, b) => a.rank - b.rank).map((one) => one.mapper.protocol);
    }));
    await Promise.race([all, firstOf(rest)]);
    const others = new AbortController();
    await Promise.race([all, pause(HEAD_START, others.signal)]);
    others.abort();
    const tried = new Set<Mapper>();
    let why = "the router answers neither PCP nor NAT-PMP nor UPnP";
    for (let waited = false; way === this.#way && !this.#closed;) {
      const next = found.toSorted((a, b) => a.rank - b.rank).find(({ mapper }) => !tried.has(mapper));
      if (next) {
        tried.add(next.mapper);
        const refusal = await this.#map(way, next.mapper, null);
        if (refusal === null) {
          this.#misses = 0;
          return void await all;
        }
        why = refusal;
      } else if (waited) break;
      else {
        await all;
        waited = true;
      }
    }
    if (way !== this.#way) return;
    this.#misses++;
    this.#let(why);
  }

  /** Makes the mapping by one protocol; gives why it cannot be, or null. */
  async #map(way: Way, mapper: Mapper, suggested: TransportAddress | null): Promise<string | null> {
    const answer = await mapper.map(suggested);
    if (answer.kind === "silent") return `the router does not answer ${mapper.protocol} any more`;
    if (answer.kind === "refused") return `the router ${answer.why} (${mapper.protocol})`;
    const bad = refusedExternal(answer.external.address, this.#o.overlay);
    if (bad !== null || way !== this.#way || this.#closed) {
      await mapper.unmap(answer.external);
      return bad ?? "the network changed";
    }
    const now = this.#o.now();
    const { external } = answer;
    const seen = answer.epoch === null ? null : { epoch: answer.epoch, at: now };
    const before = this.#held;
    this.#held = { mapper, external, renewAt: renewAt(now, answer.lifetime), seen };
    this.#why = null;
    if (!before || !sameAddress(before.external, external)) {
      this.#o.log.info("The router maps the tunnel's port", {
        by: mapper.protocol,
        outside: `${external.address}:${external.port}`,
      });
      this.#o.changed(external);
    }
    return null;
  }

  #let(why: string): void {
    const had = this.#held !== null;
    this.#held = null;
    this.#why = why;
    if (had) this.#o.changed(null);
  }
}

/** Resolves when the first search has found something; never when none does. */
function firstOf(searches: readonly Promise<{ mapper: Mapper | null }>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const search of searches) void search.then(({ mapper }) => mapper && resolve());
  return promise;
}
