/**
 * The one UDP socket of all ICE agents. nftables makes it share WireGuard's external port (core/plan/nft_table.ts), so what a
 * check opens, the tunnel may use. It hands each datagram to the agent or STUN client that it belongs to, and learns this
 * machine's candidates: its own addresses, and how the gates' STUN services see it.
 */
import { receiverOf } from "../core/ice/mod.ts";
import { type BindingAction, StunBinding } from "../core/nat/binding.ts";
import type { Observation } from "../core/nat/kind.ts";
import { encodeStun, type StunCrypto, type TransportAddress, tryDecodeStun } from "../../mesh/wire/stun/mod.ts";
import { MAX_DATAGRAM } from "../../mesh/host/datagrams.ts";
import type { Log } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { Slab } from "../../mesh/wire/slab.ts";

/** Requests under way that are remembered to find their answers' owner; the oldest is forgotten first. */
const MAX_TRANSACTIONS = 4096;
/** After a fault nothing is read for so long, in ms: one that stays must not take the whole processor. */
const AFTER_FAULT = 20;
/** Datagrams that wait for the port to be shared; the oldest goes first. */
const MAX_HELD = 256;
/** A STUN service that was asked so many ms ago need not be asked anew. */
const LATELY = 2_000;
/** User name fragments of one receiver. */
const MAX_UFRAGS = 4;
/** Where this socket reaches itself, and for how long that is waited for, in ms. */
const LOOPBACK = "127.0.0.1";
const PATIENCE = 250;

/** Takes datagrams that belong to one peer. */
export interface StunReceiver {
  datagram(from: TransportAddress, bytes: Uint8Array): void;
}

/** A candidate of this machine, before it is anybody's. */
export interface LocalCandidate {
  type: "host" | "srflx";
  address: string;
  port: number;
  base: TransportAddress;
}

/** By which port a datagram of the hub's came to itself: WireGuard's, another one; or none came. */
export type PortSeen = "shared" | "other" | "none";

interface Binding {
  machine: StunBinding;
  mapped: TransportAddress | null;
  /** What it said last; counts while no service answers at all. */
  last: TransportAddress | null;
  base: string;
}

/** The shared socket and what is known about it. */
export class IceHub {
  readonly #socket: Deno.DatagramConn;
  readonly #dualStack: boolean;
  readonly #byUfrag = new Map<string, StunReceiver>();
  readonly #byTransaction = new Map<string, StunReceiver>();
  readonly #log: Log;
  readonly #crypto: StunCrypto;
  readonly #now: () => number;
  /** WireGuard's port, which is what the outside sees of every host candidate. */
  #wgPort = 0;
  /** A fault of the socket has been told. */
  #faulty = false;
  #hostAddresses: string[] = [];
  readonly #bindings = new Map<string, Binding>();
  #portMapped: { at: TransportAddress; base: string } | null = null;
  /** What is to leave once the port is shared; null from then on. */
  #held: (() => void)[] | null;
  /** Called when the candidates changed. */
  onCandidates: () => void = () => {};

  /**
   * @param o.clock that of the timer which calls `tick`; it is never set back
   * @param o.held nothing leaves before `release()`: a check from another port than WireGuard's would open a way, and be answered by
   *   one, that the tunnel does not have
   */
  constructor(o: { log: Log; crypto: StunCrypto; clock: () => number; held?: boolean }) {
    this.#held = o.held ? [] : null;
    this.#log = o.log;
    this.#crypto = o.crypto;
    this.#now = o.clock;
    let socket: Deno.DatagramConn;
    let dualStack = true;
    try {
      socket = Deno.listenDatagram({ transport: "udp", hostname: "::", port: 0 });
    } catch {
      socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }); // no IPv6 on this machine
      dualStack = false;
    }
    this.#socket = socket;
    this.#dualStack = dualStack;
    void this.#read();
  }

  /** The socket's own port, for nftables. */
  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** What fails here fails for one datagram: without this socket no path is ever found again. */
  async #read(): Promise<void> {
    const slab = new Slab();
    for (;;) {
      try {
        const [bytes, from] = await this.#socket.receive(slab.room(MAX_DATAGRAM));
        slab.keep(bytes.length);
        if (from.transport !== "udp") continue;
        const address = from.hostname.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
        this.#route({ address, port: from.port }, bytes);
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
        if (!this.#faulty) {
          this.#log.warn("A datagram of the path checks could not be taken", { why: errorLine(error) });
        }
        this.#faulty = true;
        await new Promise((resolve) => setTimeout(resolve, AFTER_FAULT));
      }
    }
  }

  #route(from: TransportAddress, bytes: Uint8Array): void {
    const message = tryDecodeStun(bytes);
    if (!message) return; // anybody can send here
    if (message.class === "request" || message.class === "indication") {
      const ufrag = receiverOf(message);
      if (ufrag !== null) this.#byUfrag.get(ufrag)?.datagram(from, bytes);
      return;
    }
    const key = transactionOf(bytes);
    const receiver = this.#byTransaction.get(key);
    this.#byTransaction.delete(key);
    receiver?.datagram(from, bytes);
  }

  /** Sends a STUN message; answers to a request go to `owner`. */
  send(to: TransportAddress, bytes: Uint8Array, owner: StunReceiver): void {
    if ((bytes[0]! & 0x01) === 0 && (bytes[1]! & 0x10) === 0) this.#await(bytes, owner);
    this.#send(to, bytes);
  }

  #await(bytes: Uint8Array, owner: StunReceiver): void {
    if (this.#byTransaction.size >= MAX_TRANSACTIONS) {
      this.#byTransaction.delete(this.#byTransaction.keys().next().value!);
    }
    this.#byTransaction.set(transactionOf(bytes), owner);
  }

  #send(to: TransportAddress, bytes: Uint8Array): void {
    const v6 = to.address.includes(":");
    if (v6 && !this.#dualStack) return;
    const hostname = v6 || !this.#dualStack ? to.address : `::ffff:${to.address}`;
    const send = () =>
      void this.#socket.send(bytes, { transport: "udp", hostname, port: to.port })
        .catch((error) => this.#log.debug("a check could not be sent", { to: to.address, error }));
    if (!this.#held) return send();
    if (this.#held.length >= MAX_HELD) this.#held.shift();
    this.#held.push(send);
  }

  /**
   * Whether what leaves here has WireGuard's port outside, as nftables makes it: the socket sends itself an answer to a question that
   * nobody else knows, and looks from where it comes. No program is run for that. While WireGuard's port is not known: `none`.
   */
  async portSeen(): Promise<PortSeen> {
    if (this.#wgPort === 0) return "none";
    const { promise, resolve } = Promise.withResolvers<PortSeen>();
    const bytes = encodeStun({ class: "success", transaction: this.#crypto.random(12), fields: [] });
    const late = setTimeout(() => resolve("none"), PATIENCE);
    this.#await(bytes, {
      datagram: ({ address, port }) => resolve(address === LOOPBACK && port === this.#wgPort ? "shared" : "other"),
    });
    this.#send({ address: LOOPBACK, port: this.port }, bytes);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#byTransaction.delete(transactionOf(bytes));
    }
  }

  /** The port is shared: what was held leaves, and whatever comes leaves at once. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const send of held) send();
  }

  /**
   * Directs requests for this user name fragment to `receiver`; its last few stay, for checks to a generation before. One that
   * another receiver holds stays there: a lane's fragment is the peer's choice, and it may have seen another pair's on the wire.
   */
  listen(ufrag: string, receiver: StunReceiver): void {
    if (this.#byUfrag.has(ufrag)) return;
    const own = [...this.#byUfrag].filter(([, r]) => r === receiver).map(([u]) => u);
    if (own.length >= MAX_UFRAGS) this.#byUfrag.delete(own[0]!);
    this.#byUfrag.set(ufrag, receiver);
  }

  /** Forgets everything of a receiver. */
  forget(receiver: StunReceiver): void {
    for (const map of [this.#byUfrag, this.#byTransaction]) {
      for (const [key, r] of map) if (r === receiver) map.delete(key);
    }
  }

  /** Sets the addresses of this machine and WireGuard's port. */
  setHost(addresses: string[], wgPort: number): void {
    const same = wgPort === this.#wgPort && addresses.length === this.#hostAddresses.length &&
      addresses.every((a, i) => a === this.#hostAddresses[i]);
    if (same) return;
    this.#hostAddresses = addresses;
    this.#wgPort = wgPort;
    this.onCandidates();
  }

  /** Asks these STUN services how they see this machine. `base` is the own address that the route towards one leaves from. */
  setServers(servers: { server: TransportAddress; base: string }[]): void {
    const wanted = new Map(servers.map((s) => [`${s.server.address} ${s.server.port}`, s]));
    for (const [key, old] of this.#bindings) if (wanted.get(key)?.base !== old.base) this.#bindings.delete(key);
    for (const [key, { server, base }] of wanted) {
      if (this.#bindings.has(key)) continue;
      const machine = new StunBinding({
        base: { address: base, port: this.#wgPort },
        servers: [server],
        crypto: this.#crypto,
      });
      this.#bindings.set(key, { machine, mapped: null, last: null, base });
    }
    this.tick();
  }

  /** Asks all STUN services now: the NAT may have changed its mind. */
  askAgain(): void {
    this.#ask(0);
  }

  /** The same where that was not done just now. */
  freshen(): void {
    this.#ask(LATELY);
  }

  #ask(within: number): void {
    for (const binding of this.#bindings.values()) {
      this.#apply(binding, binding.machine.handle({ kind: "refresh", within }, this.#now()));
    }
  }

  /** Sets the place that a router maps to WireGuard's port, by this machine's address `base`. */
  setPortMapped(mapped: { at: TransportAddress; base: string } | null): void {
    this.#portMapped = mapped;
    this.onCandidates();
  }

  /** This machine's candidates now. */
  candidates(): LocalCandidate[] {
    const port = this.#wgPort;
    const host = this.#hostAddresses.map((address): LocalCandidate => (
      { type: "host", address, port, base: { address, port } }
    ));
    const seen = new Set(host.map((c) => `${c.address} ${c.port}`));
    const reflexive: LocalCandidate[] = [];
    const bindings = [...this.#bindings.values()];
    const answered = new Set(bindings.filter((b) => b.mapped).map((b) => b.base));
    const outside = bindings.map(({ mapped, last, base }): Pick<Binding, "mapped" | "base"> => (
      { mapped: mapped ?? (answered.has(base) ? null : last), base }
    ));
    if (this.#portMapped) outside.push({ mapped: this.#portMapped.at, base: this.#portMapped.base });
    for (const { mapped, base } of outside) {
      if (!mapped || seen.has(`${mapped.address} ${mapped.port}`)) continue;
      seen.add(`${mapped.address} ${mapped.port}`);
      reflexive.push({ type: "srflx", ...mapped, base: { address: base, port } });
    }
    return [...host, ...reflexive];
  }

  /** How STUN services see WireGuard's port by this own address. */
  observations(base: string): Observation[] {
    const own = [...this.#bindings.values()].filter((binding) => binding.base === base);
    return own.flatMap(({ machine }) =>
      machine.mapped.flatMap(({ server, mapped }) => mapped ? [{ server, mapped }] : [])
    );
  }

  /** Runs the STUN clients' timers. */
  tick(): void {
    for (const binding of this.#bindings.values()) {
      this.#apply(binding, binding.machine.handle({ kind: "tick" }, this.#now()));
    }
  }

  /** When `tick` is due, in ms. */
  nextDeadline(): number | null {
    const all = [...this.#bindings.values()].map((b) => b.machine.nextDeadline()).filter((d) => d !== null);
    return all.length === 0 ? null : Math.min(...all);
  }

  #apply(binding: Binding, actions: BindingAction[]): void {
    for (const action of actions) {
      if (action.kind === "send") {
        this.send(action.to, action.bytes, {
          datagram: (from, bytes) =>
            this.#apply(binding, binding.machine.handle({ kind: "datagram", from, bytes }, this.#now())),
        });
      } else {
        binding.mapped = action.kind === "mapped" ? action.mapped : null;
        binding.last = binding.mapped ?? binding.last;
        this.onCandidates();
      }
    }
  }

  /** Closes the socket. */
  close(): void {
    this.#socket.close();
  }
}

/** A STUN transaction id as a map key (RFC 8489 section 5: bytes 8 to 19). */
function transactionOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(8, 20));
}
