/** Rung "quic": packets as datagrams of the gate session that both ends have with one gate. */
import type { Carrier, CarrierHost, Transport } from "./transport.ts";

export const quic: Transport = {
  rung: "quic",
  rank: 2,
  open: (host) => new QuicCarrier(host),
};

class QuicCarrier implements Carrier {
  readonly #host: CarrierHost;

  constructor(host: CarrierHost) {
    this.#host = host;
  }

  reachChanged(): void {
    const { gates, peerId } = this.#host;
    const session = gates.towards(peerId);
    if (session) this.#host.up({ endpoint: gates.nameOf(session.gateId), rttMs: session.rttMs });
    else this.#host.down();
  }

  /** Whatever rung it takes: a gate session towards this peer is worth having. */
  packetSeen(): void {
    this.#host.gates.demand(this.#host.peerId);
  }

  send(packet: Uint8Array): boolean {
    return this.#host.gates.carry(this.#host.peerId, packet);
  }

  close(): void {}
}
