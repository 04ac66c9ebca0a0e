/**
 * A small deterministic internet: hosts, LANs, NATs of every kind of RFC 4787, loss, delay, reordering. Time is a number that
 * moves from event to event; all chance comes from one seeded generator, so a seed repeats a run exactly.
 */
export interface Address {
  address: string;
  port: number;
}

export interface Packet {
  from: Address;
  to: Address;
  bytes: Uint8Array;
}

/** How a NAT behaves, in the words of RFC 4787 sections 4.1, 5 and 6. */
export interface NatKind {
  mapping: "eim" | "adm" | "apdm";
  filtering: "eif" | "adf" | "apdf";
  /** The outer port equals the inner one when it is free. */
  preserving?: boolean;
  /** Gives out its ports one after the other instead of at random. */
  sequential?: boolean;
  hairpin?: boolean;
  /** Passes no UDP at all. */
  blocked?: boolean;
}

interface Mapping {
  inner: Address;
  port: number;
  /** Where the inner host has sent through this mapping: what filtering goes by. */
  sentTo: Map<string, number>;
  usedAt: number;
}

/** Mappings live so long after the last packet out (RFC 4787 REQ-5 asks for two minutes). */
const MAPPING_LIFETIME = 120_000;
const text = (a: Address) => `${a.address} ${a.port}`;

export class Nat {
  readonly outer: string;
  readonly kind: NatKind;
  readonly #random: () => number;
  #mappings = new Map<string, Mapping>();
  #byPort = new Map<number, Mapping>();
  #last: number;

  constructor(outer: string, kind: NatKind, random: () => number) {
    this.outer = outer;
    this.kind = kind;
    this.#random = random;
    this.#last = 1024 + Math.floor(random() * 60_000);
  }

  /** A reboot: all mappings are gone. */
  flush(): void {
    this.#mappings.clear();
    this.#byPort.clear();
  }

  out(packet: Packet, now: number): Packet | null {
    if (this.kind.blocked) return null;
    const { mapping } = this.kind;
    const key = text(packet.from) +
      (mapping === "eim" ? "" : mapping === "adm" ? ` ${packet.to.address}` : ` ${text(packet.to)}`);
    let found = this.#mappings.get(key);
    if (!found || found.usedAt + MAPPING_LIFETIME < now) {
      found = { inner: packet.from, port: this.#freePort(packet.from.port), sentTo: new Map(), usedAt: now };
      this.#mappings.set(key, found);
      this.#byPort.set(found.port, found);
    }
    found.usedAt = now;
    found.sentTo.set(text(packet.to), now).set(packet.to.address, now);
    return { ...packet, from: { address: this.outer, port: found.port } };
  }

  in(packet: Packet, now: number): Packet | null {
    const found = this.#byPort.get(packet.to.port);
    if (!found || found.usedAt + MAPPING_LIFETIME < now) return null;
    const { filtering } = this.kind;
    const passes = filtering === "eif" ||
      found.sentTo.has(filtering === "adf" ? packet.from.address : text(packet.from));
    return passes ? { ...packet, to: found.inner } : null;
  }

  #freePort(wanted: number): number {
    if (this.kind.sequential) {
      do this.#last = this.#last >= 65_535 ? 1024 : this.#last + 1; while (this.#byPort.has(this.#last));
      return this.#last;
    }
    let port = wanted;
    if (!this.kind.preserving) port = 1024 + Math.floor(this.#random() * 64_000);
    while (this.#byPort.has(port)) port = 1024 + Math.floor(this.#random() * 64_000);
    return port;
  }
}

/** A network: the internet, or a LAN behind a NAT in another network. */
export class Net {
  readonly name: string;
  readonly nat: Nat | null;
  readonly parent: Net | null;
  readonly hosts = new Map<string, (packet: Packet) => void>();
  readonly nats = new Map<string, { nat: Nat; net: Net }>();

  constructor(name: string, up?: { nat: Nat; parent: Net }) {
    this.name = name;
    this.nat = up?.nat ?? null;
    this.parent = up?.parent ?? null;
    if (up) up.parent.nats.set(up.nat.outer, { nat: up.nat, net: this });
  }
}

export interface Weather {
  /** One way through the internet, and how much more it may be. */
  delayMs: number;
  jitterMs: number;
  /** 0..1, every packet by itself. */
  loss: number;
}

interface Due {
  at: number;
  order: number;
  act: () => void;
}

export class World {
  now = 1_000_000;
  sent = 0;
  readonly random: () => number;
  readonly internet: Net = new Net("internet");
  weather: Weather;
  /** Told of every packet that leaves a host; false drops it. */
  watch: (packet: Packet) => boolean = () => true;
  #queue: Due[] = [];
  #order = 0;

  constructor(random: () => number, weather: Weather) {
    this.random = random;
    this.weather = weather;
  }

  /** Does something later; things of one moment happen in the order in which they were asked for. */
  after(ms: number, act: () => void): void {
    this.#queue.push({ at: this.now + ms, order: this.#order++, act });
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  /** A packet leaves a host of this network. */
  send(net: Net, packet: Packet): void {
    this.sent++;
    if (!this.watch(packet)) return;
    this.#route(net, packet);
  }

  #route(net: Net, packet: Packet): void {
    const host = net.hosts.get(packet.to.address);
    const delay = net === this.internet ? this.weather.delayMs + this.random() * this.weather.jitterMs : 0.2;
    if (net === this.internet && this.random() < this.weather.loss) return;
    if (host) return this.after(delay, () => host(packet));
    const inward = net.nats.get(packet.to.address);
    if (inward) return this.after(delay, () => this.#inward(inward, packet));
    if (net.nat === null || net.parent === null) return;
    const outside = net.nat.out(packet, this.now);
    if (outside === null) return;
    if (packet.to.address !== net.nat.outer) return this.#route(net.parent, outside);
    if (net.nat.kind.hairpin) this.#inward({ nat: net.nat, net }, outside);
  }

  #inward({ nat, net }: { nat: Nat; net: Net }, packet: Packet): void {
    const inside = nat.in(packet, this.now);
    if (inside) this.#route(net, inside);
  }

  /** The time of the next thing in flight. */
  nextEvent(): number {
    return this.#queue[0]?.at ?? Infinity;
  }

  /** Does everything that is due by `at`. */
  advance(at: number): void {
    while (this.#queue[0] && this.#queue[0].at <= at) {
      const { at: when, act } = this.#queue.shift()!;
      this.now = Math.max(this.now, when);
      act();
    }
    this.now = Math.max(this.now, at);
  }
}
