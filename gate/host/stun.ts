/**
 * The STUN service's sockets. Answers go out as they are made; what the system's buffer does not take is lost, as UDP is.
 *
 * With an alternate port (RFC 5780, as far as one address goes) a node learns how its NAT maps and filters: it asks both ports,
 * and lets the one answer for the other. A host with several addresses answers from the one that was asked, so two of them tell a node
 * whether its NAT maps by address.
 */
import type { Log } from "../../mesh/host/log.ts";
import { answerBinding, readBinding } from "../core/stun.ts";
import { readDatagrams } from "../../mesh/host/datagrams.ts";
import { sourceOf } from "../core/source.ts";
import { AddressSockets } from "./address_sockets.ts";
import { hears, isFar } from "./addresses.ts";
import type { HostWatch } from "./host_watch.ts";
import { StunDebt } from "../core/stun_debt.ts";
import type { Tickets } from "../core/tickets.ts";

/** A socket that was read from is gone after this, in ms. */
const CLOSING = 100;

export interface StunServerOptions {
  /** A second port of the same address. */
  alternate?: Deno.DatagramConn | null;
  /** For those who want to dial the QUIC port. */
  tickets?: Tickets | null;
  /** Answers nobody else. */
  ticketsOnly?: boolean;
  /** Tells the host's own addresses; without it a socket for all addresses stays one. */
  host?: { watch: HostWatch; log: Log } | null;
}

/** Sends an answer back to where the question came from. */
type Send = (answer: Uint8Array) => void;

export class StunServer {
  readonly #ports: readonly StunPort[];
  readonly #debt = new StunDebt();
  readonly #tickets: Tickets | null;
  readonly #ticketsOnly: boolean;
  readonly #unfollow: (() => void) | undefined;
  answered = 0;
  /** Well-formed requests without an answer, because their source has had more than it sent. */
  withheld = 0;

  constructor(
    socket: Deno.DatagramConn,
    { alternate = null, tickets = null, ticketsOnly = false, host = null }: StunServerOptions = {},
  ) {
    this.#tickets = tickets;
    this.#ticketsOnly = ticketsOnly;
    const port = (own: Deno.DatagramConn, other: () => StunPort | null): StunPort => {
      const made: StunPort = new StunPort(own, {
        host,
        heard: (bytes, from, local) =>
          this.answer(bytes, from, {
            same: (answer) => made.send(answer, from, local),
            other: (answer) => other()?.send(answer, from, local),
          }),
      });
      return made;
    };
    const main = port(socket, () => second);
    const second = alternate && port(alternate, () => main);
    this.#ports = second ? [main, second] : [main];
    this.#unfollow = host?.watch.follow(() => this.#ports.forEach((each) => each.follow()));
  }

  /**
   * Answers one datagram, if it is a request that gets an answer.
   * @param ways from the port that was asked, and from the service's other one, if it has one
   */
  answer(bytes: Uint8Array, from: Deno.NetAddr, ways: { same: Send; other?: Send }): void {
    const request = readBinding(bytes);
    const send = request?.from && ways[request.from];
    if (!send || (this.#ticketsOnly && !request.wantsTicket)) return;
    const source = sourceOf(from.hostname, from.port);
    const tickets = this.#tickets;
    const answer = answerBinding(request, {
      from: { address: source.address, port: from.port },
      ...(tickets && { ticket: () => tickets.give(source.bytes, Date.now()) }),
    });
    const lengths = { request: bytes.length, answer: answer.length };
    if (!this.#debt.allows({ source: source.group, ...lengths, now: performance.now() })) {
      this.withheld++;
      return;
    }
    this.answered++;
    send(answer);
  }

  close(): void {
    this.#unfollow?.();
    for (const port of this.#ports) port.close();
  }
}

/** One port: a socket for all addresses, or one for each where a single one would answer from another address than was asked. */
class StunPort {
  readonly #addr: Deno.NetAddr;
  readonly #host: StunServerOptions["host"];
  readonly #each: AddressSockets | null;
  /** Null once each address has its own. */
  #all: Deno.DatagramConn | null;
  /** Whether that one is read from. */
  #read = false;
  #closed = false;

  /** @param o.heard `local` is the address that was asked, null when the socket does not tell */
  constructor(
    socket: Deno.DatagramConn,
    { host, heard }: {
      host: StunServerOptions["host"];
      heard(bytes: Uint8Array, from: Deno.NetAddr, local: string | null): void;
    },
  ) {
    this.#all = socket;
    this.#addr = socket.addr as Deno.NetAddr;
    this.#host = host;
    const { port } = this.#addr;
    this.#each = host
      ? new AddressSockets({ port, log: host.log, without: "no STUN at this address yet", heard })
      : null;
    this.follow(); // before the first is read from, so that it is gone at once
    if (!this.#all) return;
    this.#read = true;
    void readDatagrams(socket, (bytes, from) => heard(bytes, from, null));
  }

  /** Brings the sockets in line with the host's addresses. */
  follow(): void {
    if (!this.#host || !this.#each || this.#closed) return;
    const { hostname } = this.#addr;
    if (hostname !== "0.0.0.0" && hostname !== "::") return;
    // A link-local address is bound with its interface only, and nobody is told of it.
    const own = this.#host.watch.addresses().map(({ address }) => address)
      .filter((address) => hears(hostname, address) && !/^fe80:/i.test(address));
    const far = own.filter(isFar);
    const several = [true, false].some((six) => far.filter((address) => address.includes(":") === six).length > 1);
    if (this.#all && !several) return;
    const closing = this.#all !== null && this.#read;
    this.#all?.close();
    this.#all = null;
    if (closing) setTimeout(() => this.follow(), CLOSING);
    else this.#each.follow(own);
  }

  send(bytes: Uint8Array, to: Deno.NetAddr, local: string | null): void {
    if (local !== null) this.#each?.send(local, bytes, to);
    else this.#all?.send(bytes, to).catch(() => {});
  }

  close(): void {
    this.#closed = true;
    this.#all?.close();
    this.#each?.close();
  }
}
