/** The two sides of a guess in the simulated world: the real cores on IcePeers, as the daemon's host drives them. */
import { Opener, type PortRow, predict, Prober, SOCKETS } from "../../link/core/guess/mod.ts";
import { decodeStun, encodeStun, read, type StunCrypto, XOR_MAPPED_ADDRESS } from "../../mesh/wire/stun/mod.ts";
import type { IcePeer } from "./ice_peer.ts";
import type { Address, World } from "./net.ts";

const FIRST_SOCKET = 30_000;
const FIRST_SAMPLE = 29_000;
const SAMPLES = 4;
const PORT = 51_820;

/** What the hard side tells the easy one. */
export interface Told {
  address: string;
  row: PortRow | null;
}

/** The hard side: samples its NAT, tells the easy side, opens, and joins the port that is hit. */
export class HardEnd {
  readonly #world: World;
  readonly #peer: IcePeer;
  readonly #target: Address;
  #opener: Opener | null = null;
  joined = 0;

  constructor(
    world: World,
    peer: IcePeer,
    o: { target: Address; server: Address; crypto: StunCrypto; tell(told: Told): void },
  ) {
    this.#world = world;
    this.#peer = peer;
    this.#target = o.target;
    const seen = new Map<number, Address>();
    peer.intercept = ({ from, to, bytes }) => {
      if (to.port >= FIRST_SAMPLE && to.port < FIRST_SAMPLE + SAMPLES) {
        const mapped = read(decodeStun(bytes), XOR_MAPPED_ADDRESS);
        if (mapped) seen.set(to.port, mapped);
        return true;
      }
      if (peer.joined?.port === to.port) return false;
      // The ordinary port has been hit: it must not be left for another one.
      if (to.port === PORT && from.address === o.target.address && peer.agent.recognises(bytes)) this.#opener = null;
      if (to.port < FIRST_SOCKET || to.port >= FIRST_SOCKET + SOCKETS) return false;
      if (this.#opener && peer.joined === null && peer.agent.recognises(bytes)) {
        this.joined++;
        this.#opener = null;
        peer.joined = { remote: from, port: to.port };
        peer.feed({ from, to, bytes });
      }
      return true;
    };
    for (let n = 0; n < SAMPLES; n++) {
      const bytes = encodeStun({ class: "request", transaction: o.crypto.random(12), fields: [] });
      peer.sendFrom(FIRST_SAMPLE + n, o.server, bytes);
    }
    world.after(400, () => {
      const samples = [...seen].sort(([a], [b]) => a - b).map(([, mapped]) => mapped);
      const address = samples[0]?.address ?? "198.51.100.1";
      o.tell({ address, row: predict(samples.map(({ port }) => port), SOCKETS) });
      this.#opener = new Opener({ now: world.now });
    });
  }

  nextDeadline(): number {
    return this.#opener?.nextDeadline() ?? Infinity;
  }

  tick(): void {
    if (this.#opener?.over(this.#world.now)) this.#opener = null;
    for (const n of this.#opener?.tick(this.#world.now) ?? []) {
      this.#peer.sendFrom(FIRST_SOCKET + n, this.#target, this.#peer.agent.probe()!);
    }
  }
}

/** The easy side: probes what it was told of until its agent has a pair. */
export class EasyEnd {
  readonly #world: World;
  readonly #peer: IcePeer;
  readonly prober: Prober;

  constructor(world: World, peer: IcePeer, told: Told) {
    this.#world = world;
    this.#peer = peer;
    const { address, row } = told;
    this.prober = new Prober({ address, predicted: row, random: world.random, now: world.now });
  }

  nextDeadline(): number {
    return this.prober.over || this.#peer.selected ? Infinity : this.prober.nextDeadline();
  }

  tick(): void {
    if (this.#peer.selected) return;
    for (const port of this.prober.tick(this.#world.now)) {
      this.#peer.sendFrom(PORT, { address: this.prober.address, port }, this.#peer.agent.probe()!);
    }
  }
}
