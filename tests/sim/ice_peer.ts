/** A node of the simulated world that runs the real cores: an ICE agent and a STUN client on one socket. */
import { IceAgent, type IceSnapshot, type IceTiming, type SelectedPair } from "../../link/core/ice/mod.ts";
import { StunBinding } from "../../link/core/nat/binding.ts";
import {
  decodeStun,
  encodeStun,
  field,
  isStun,
  type StunCrypto,
  XOR_MAPPED_ADDRESS,
} from "../../mesh/wire/stun/mod.ts";
import type { WireCandidate } from "../../mesh/wire/signal.ts";
import type { Address, Net, Packet, World } from "./net.ts";

/** What peers tell each other over the signalling channel, which is slow but neither loses nor reorders. */
type Message =
  | { kind: "ice"; ufrag: string; pwd: string; reply: boolean; candidates: WireCandidate[] }
  | { kind: "candidates"; ufrag: string; candidates: WireCandidate[] };

/** An address that a peer has in a network. */
export interface Place {
  net: Net;
  address: string;
}

export interface PeerOptions {
  name: string;
  controlling: boolean;
  /** Where it stands and under which addresses. */
  places: Place[];
  crypto: StunCrypto;
  signalMs: number;
  /** The socket does not tell which of its addresses a datagram reached. */
  blind?: boolean;
  timing?: Partial<IceTiming>;
}

const PORT = 51820;

export class IcePeer {
  readonly name: string;
  readonly agent: IceAgent;
  readonly log: { at: number; what: string }[] = [];
  selected: SelectedPair | null = null;
  selections = 0;
  lost = 0;
  doubted = 0;
  failed = 0;
  /** What it does when consent is in doubt. */
  doubt: () => void = () => {};
  /** Changes what goes out over the signalling channel. */
  tamper: (message: Message) => Message = (message) => message;
  /** Sees what comes in first; true keeps it from the agent. */
  intercept: (packet: Packet) => boolean = () => false;
  /** Packets to and from `remote` use another port of this machine: what nft does once a guess has hit. */
  joined: { remote: Address; port: number } | null = null;
  readonly #world: World;
  readonly #o: PeerOptions;
  readonly #server: Address;
  #places: Place[] = [];
  #bindings: StunBinding[] = [];
  #peer: IcePeer | null = null;
  #signalAt = 0;
  #ready = false;

  constructor(world: World, server: Address, o: PeerOptions) {
    this.#world = world;
    this.#o = o;
    this.#server = server;
    this.name = o.name;
    const tieBreaker = new DataView(o.crypto.random(8).buffer as ArrayBuffer).getBigUint64(0);
    this.agent = new IceAgent({
      role: o.controlling ? "controlling" : "controlled",
      tieBreaker,
      crypto: o.crypto,
      ...(o.timing ? { timing: o.timing } : {}),
    });
  }

  /** Begins ICE: this end's offer goes out, and answers come as they may. */
  start(peer: IcePeer): void {
    this.#peer = peer;
    this.#plug(this.#o.places);
    this.#offer(false);
  }

  /** Listens without an offer of its own. */
  listen(peer: IcePeer): void {
    this.#peer = peer;
    this.#plug(this.#o.places);
  }

  /** Moves to other networks. */
  move(places: Place[]): void {
    for (const { net, address } of this.#places) net.hosts.delete(address);
    this.#ready = false;
    this.#do(this.agent.handle({ kind: "networkChanged" }, this.#world.now));
    this.#plug(places);
    this.#offer(false);
  }

  restart(): void {
    this.#do(this.agent.handle({ kind: "restart" }, this.#world.now));
    this.#offer(false);
  }

  /** The tunnel has seen the peer's data on the selected pair. */
  hint(): void {
    this.#do(this.agent.handle({ kind: "consentHint" }, this.#world.now));
  }

  /** Asks STUN servers anew. */
  freshen(): void {
    for (const binding of this.#bindings) {
      for (const action of binding.handle({ kind: "refresh", within: 2_000 }, this.#world.now)) {
        if (action.kind === "send") this.#send(action.from, action.to, action.bytes);
      }
    }
  }

  /** Somebody sends data to the other peer from now on. */
  send(): void {
    this.#do(this.agent.handle({ kind: "busy", busy: true }, this.#world.now));
  }

  #plug(places: Place[]): void {
    this.#places = places;
    this.#bindings = [];
    for (const { net, address } of places) {
      const base = { address, port: PORT };
      net.hosts.set(address, (packet) => this.#receive(packet));
      const family = address.includes(":");
      const servers = this.#server.address.includes(":") === family ? [this.#server] : [];
      this.#bindings.push(new StunBinding({ base, servers, crypto: this.#o.crypto }));
      this.#do(this.agent.handle({ kind: "localCandidate", type: "host", ...base, base }, this.#world.now));
    }
    this.#ready = true;
  }

  #offer(reply: boolean): void {
    this.#signal({ kind: "ice", ...this.agent.local, reply, candidates: this.agent.candidates() });
  }

  #signal(message: Message): void {
    const peer = this.#peer!;
    const at = Math.max(this.#signalAt, this.#world.now + this.#o.signalMs * (0.5 + this.#world.random()));
    this.#signalAt = at;
    const told = this.tamper(structuredClone(message));
    this.#world.after(at - this.#world.now, () => peer.#hear(told));
  }

  #hear(message: Message): void {
    const now = this.#world.now;
    if (message.kind === "ice") {
      const { ufrag, pwd, reply } = message;
      this.#do(this.agent.handle({ kind: "remoteCredentials", ufrag, pwd, reply }, now));
      if (!reply) this.#offer(true);
    }
    for (const candidate of message.candidates) {
      this.#do(this.agent.handle({ kind: "remoteCandidate", candidate, ufrag: message.ufrag }, now));
    }
  }

  #receive(packet: Packet): void {
    if (!isStun(packet.bytes) || this.intercept(packet)) return;
    const now = this.#world.now;
    for (const binding of this.#bindings) {
      for (const action of binding.handle({ kind: "datagram", from: packet.from, bytes: packet.bytes }, now)) {
        if (action.kind !== "mapped") continue;
        const { base, mapped } = action;
        this.#do(this.agent.handle({ kind: "localCandidate", type: "srflx", ...mapped, base }, now));
      }
    }
    this.feed(packet);
  }

  /** A datagram for the agent, whichever port it reached. */
  feed(packet: Packet): void {
    const to = this.#o.blind ? null : { ...packet.to, port: PORT };
    this.#do(this.agent.handle({ kind: "datagram", from: packet.from, to, bytes: packet.bytes }, this.#world.now));
  }

  #do(actions: ReturnType<IceAgent["handle"]>): void {
    for (const action of actions) {
      if (action.kind === "send") this.#send(action.from, action.to, action.bytes);
      else if (action.kind === "candidate") {
        if (this.#ready) {
          this.#signal({ kind: "candidates", ufrag: this.agent.local.ufrag, candidates: [action.candidate] });
        }
      } else if (action.kind === "consentDoubted") {
        this.doubted++;
        this.doubt();
      } else {
        this.log.push({ at: this.#world.now, what: action.kind === "state" ? action.state : action.kind });
        if (action.kind === "selected") {
          this.selected = action.pair;
          this.selections++;
        } else if (action.kind === "consentLost") {
          this.selected = null;
          this.lost++;
        } else if (action.kind === "failed") {
          this.failed++;
        }
      }
    }
  }

  #send(from: Address, to: Address, bytes: Uint8Array): void {
    const { joined } = this;
    const port = joined && joined.remote.address === to.address && joined.remote.port === to.port
      ? joined.port
      : from.port;
    this.sendFrom(port, to, bytes, from.address);
  }

  /** Sends from another port of this machine, by default from its first address. */
  sendFrom(port: number, to: Address, bytes: Uint8Array, address = this.#places[0]!.address): void {
    const place = this.#places.find((one) => one.address === address);
    if (place) this.#world.send(place.net, { from: { address, port }, to, bytes });
  }

  nextDeadline(): number {
    const all = [this.agent, ...this.#bindings].map((machine) => machine.nextDeadline() ?? Infinity);
    return Math.min(...all);
  }

  tick(): void {
    const now = this.#world.now;
    for (const binding of this.#bindings) {
      if ((binding.nextDeadline() ?? Infinity) > now) continue;
      for (const action of binding.handle({ kind: "tick" }, now)) {
        if (action.kind === "send") this.#send(action.from, action.to, action.bytes);
      }
    }
    if ((this.agent.nextDeadline() ?? Infinity) <= now) this.#do(this.agent.handle({ kind: "tick" }, now));
  }

  snapshot(): IceSnapshot {
    return this.agent.snapshot();
  }
}

/** A STUN server in the internet. */
export function stunServer(world: World, at: Address): void {
  world.internet.hosts.set(at.address, ({ from, to, bytes }) => {
    if (to.port !== at.port || !isStun(bytes)) return;
    const { transaction } = decodeStun(bytes);
    const answer = encodeStun({
      class: "success",
      transaction,
      fields: [field(XOR_MAPPED_ADDRESS, from)],
      fingerprint: true,
    });
    world.send(world.internet, { from: to, to: from, bytes: answer });
  });
}

/** Something with timers. */
export interface Machine {
  nextDeadline(): number;
  tick(): void;
}

/**
 * Runs the world until something holds or the time is over; true when it held.
 * @throws Error when a machine asks for the same moment again and again
 */
export function runUntil(world: World, peers: Machine[], o: { ms: number; until?: () => boolean }): boolean {
  const end = world.now + o.ms;
  let spins = 0;
  while (world.now < end) {
    if (o.until?.()) return true;
    const next = Math.min(world.nextEvent(), ...peers.map((peer) => peer.nextDeadline()), end);
    spins = next > world.now ? 0 : spins + 1;
    if (spins > 10_000) throw new Error(`A machine asks for the same moment again and again at ${world.now}`);
    world.advance(Math.max(next, world.now));
    for (const peer of peers) peer.tick();
  }
  return o.until?.() ?? false;
}
