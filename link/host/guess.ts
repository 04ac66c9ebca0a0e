/**
 * Guessing towards one peer (link/core/guess), with real sockets. The hard side (its NAT gives every destination another port)
 * opens many sockets towards the easy side's one address and tells the easy side so; the easy side probes random ports of the
 * hard side's NAT from WireGuard's own port. What is sent are ordinary ICE checks, so a hit goes on as ICE by itself: all that
 * is left to do is to let WireGuard and ICE use the port of the socket that was hit, which nftables does (core/plan/nft_table.ts).
 * That socket stays open, so that nobody else gets its port.
 */
import { Opener, type PortRow, predict, Prober, SOCKETS, Turns } from "../core/guess/mod.ts";
import type { SelectedPair } from "../core/ice/event.ts";
import type { Hardness } from "../core/nat/kind.ts";
import type { Join } from "../core/plan/mod.ts";
import type { StunCrypto, TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { sampleMappings } from "./nat_probe.ts";

const SAMPLES = 4;

/** Who waits for the turn to guess. */
export interface Guesser {
  /** It is yours now. */
  turn(): void;
  /** Somebody sends data to the peer: others can wait. */
  readonly wanted: boolean;
}

export interface GuessDeskOptions {
  enabled(): boolean;
  /** Whether this machine's own mapping depends on the destination. */
  hardness(): Hardness;
  /** A STUN server over IPv4. */
  server(): TransportAddress | null;
  /** A peer has seen WireGuard's own port; by its id. */
  seen(peer: string, pair: SelectedPair): void;
}

/** What all guesses of a daemon share. */
export class GuessDesk {
  readonly #turns = new Turns<Guesser>({ first: ({ wanted }) => wanted });
  readonly #o: GuessDeskOptions;

  constructor(o: GuessDeskOptions) {
    this.#o = o;
  }

  get enabled(): boolean {
    return this.#o.enabled();
  }

  get hardness(): Hardness {
    return this.#o.hardness();
  }

  get server(): TransportAddress | null {
    return this.#o.server();
  }

  seen(peer: string, pair: SelectedPair): void {
    this.#o.seen(peer, pair);
  }

  /** Stands in line; the turn may come at once. */
  ask(who: Guesser): void {
    if (this.#turns.ask(who)) who.turn();
  }

  /** Takes the turn where nobody has it. */
  seize(who: Guesser): boolean {
    return this.#turns.seize(who);
  }

  /** Nobody has the turn. */
  get free(): boolean {
    return this.#turns.free;
  }

  leave(who: Guesser): void {
    this.#turns.leave(who)?.turn();
  }
}

/** What a guess needs of its peer. */
export interface GuessHost {
  crypto: StunCrypto;
  /** A check for the peer's agent, or null. */
  probe(): Uint8Array | null;
  /** Whether a datagram is an authentic check of the peer. */
  recognises(bytes: Uint8Array): boolean;
  /** Sends from WireGuard's port. */
  send(to: TransportAddress, bytes: Uint8Array): void;
  /** Hands a datagram to the agent. */
  datagram(from: TransportAddress, bytes: Uint8Array): void;
  /** Tells the easy side where to probe. */
  tell(o: { address: string; row: PortRow | null }): void;
  /** `join` has changed; resolves when the machine has been brought in line. */
  joined(): Promise<void>;
  /** A guess has ended; unless ICE has a pair by then it was in vain. */
  ended(): void;
  rearm(): void;
  now(): number;
}

/** Both sides of guessing with one peer. */
export class Guess {
  readonly #o: GuessHost;
  #sockets: Deno.DatagramConn[] = [];
  #winner: Deno.DatagramConn | null = null;
  #opener: Opener | null = null;
  #target: TransportAddress | null = null;
  #prober: Prober | null = null;
  #starting = false;
  /** Counts what has begun or ended: what was begun before a change has nothing more to say. */
  #generation = 0;
  /** The port that belongs to the peer's address, for nftables. */
  join: Join | null = null;

  constructor(o: GuessHost) {
    this.#o = o;
  }

  /** Whether a guess is under way. */
  get running(): boolean {
    return this.#starting || this.opening || this.#prober !== null;
  }

  /** Whether sockets are open towards the peer, which has been told so. */
  get opening(): boolean {
    return this.#opener !== null;
  }

  /** Probes so far; null while none are sent. */
  get probed(): number | null {
    return this.#prober?.sent ?? null;
  }

  /** What is being done, for people; null when nothing is. */
  get text(): string | null {
    if (this.#prober) return `probing ${this.#prober.address}, ${this.#prober.sent} ports so far`;
    if (this.#opener) return `${SOCKETS} sockets open towards ${this.#target!.address}:${this.#target!.port}`;
    return this.join ? `joined port ${this.join.port}` : null;
  }

  /**
   * The hard side begins, unless something is under way.
   * @param o.target the address at which the easy side's NAT can be found
   * @param o.server a STUN server
   */
  async open({ target, server }: { target: TransportAddress; server: TransportAddress }): Promise<boolean> {
    if (this.running || this.join) return false;
    this.#starting = true;
    const generation = ++this.#generation;
    const samples = await sampleMappings(server, { crypto: this.#o.crypto, count: SAMPLES }).catch(() => []);
    if (generation !== this.#generation) return false; // stopped meanwhile; another one may have begun
    this.#starting = false;
    const address = samples[0]?.address;
    try {
      if (address === undefined) throw new Error("No STUN server answers");
      for (let n = 0; n < SOCKETS; n++) {
        this.#sockets.push(Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }));
      }
    } catch {
      this.#end(); // no server, or no more sockets for this process
      return false;
    }
    this.#target = target;
    this.#opener = new Opener({ now: this.#o.now() });
    for (const socket of this.#sockets) void this.#read(socket);
    this.#o.tell({ address: address!, row: predict(samples.map(({ port }) => port), SOCKETS) });
    this.tick();
    this.#o.rearm();
    return true;
  }

  /** The easy side begins, unless something is under way; the address is one that the peer has named as its own. */
  probe(o: { address: string; row: PortRow | null }): boolean {
    if (this.running) return false;
    const random = () => new DataView(this.#o.crypto.random(4).slice().buffer).getUint32(0) / 2 ** 32;
    this.#prober = new Prober({ address: o.address, predicted: o.row, random, now: this.#o.now() });
    this.#o.rearm();
    return true;
  }

  #read(socket: Deno.DatagramConn): Promise<void> {
    return readDatagrams(socket, (bytes, from) => {
      const target = this.#target;
      if (!target || from.hostname !== target.address || from.port !== target.port) return;
      if (!this.#opener || this.join || !this.#o.recognises(bytes)) return;
      void this.#hit(socket, target, bytes);
    });
  }

  async #hit(socket: Deno.DatagramConn, remote: TransportAddress, bytes: Uint8Array): Promise<void> {
    this.#winner = socket;
    this.join = { port: (socket.addr as Deno.NetAddr).port, remote };
    this.#opener = null;
    this.#closeSockets();
    await this.#o.joined();
    this.#o.datagram(remote, bytes);
    this.#end();
  }

  /** A check of the peer has come to WireGuard's own port: that one must not be left for another. */
  ordinaryHit(from: TransportAddress): void {
    if (this.#opener && this.#target?.address === from.address) this.#end();
  }

  /** Ends what is under way. */
  stop(): void {
    if (this.running) this.#end();
  }

  /** The path through the joined port is dead, or the machine is elsewhere: all is undone. */
  reset(): void {
    const before = this.join;
    this.join = null;
    this.#winner?.close();
    this.#winner = null;
    this.stop();
    if (before) void this.#o.joined();
  }

  #end(): void {
    this.#generation++;
    this.#starting = false;
    this.#opener = null;
    this.#prober = null;
    this.#closeSockets();
    this.#o.ended();
  }

  #closeSockets(): void {
    const losers = this.#sockets.filter((socket) => socket !== this.#winner);
    this.#sockets = [];
    for (const socket of losers) socket.close();
  }

  tick(): void {
    const now = this.#o.now();
    for (const port of this.#prober?.tick(now) ?? []) {
      const check = this.#o.probe();
      if (check) this.#o.send({ address: this.#prober!.address, port }, check);
    }
    const target = this.#target;
    for (const n of this.#opener?.tick(now) ?? []) {
      const check = this.#o.probe();
      if (!check || !target) break;
      this.#sockets[n]?.send(check, { transport: "udp", hostname: target.address, port: target.port }).catch(() => {});
    }
    if (this.#opener?.over(now) || this.#prober?.over) this.#end();
  }

  nextDeadline(): number | null {
    return this.#opener?.nextDeadline() ?? this.#prober?.nextDeadline() ?? null;
  }

  /** Closes its sockets. */
  close(): void {
    this.reset();
  }
}
