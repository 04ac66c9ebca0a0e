/**
 * This node's address at a TURN server: one for all peers, asked for when the first of them needs it and given back a while after
 * the last. Servers and transports race, each a moment after the one before: where UDP goes it is first, where only TCP 443
 * goes that is there in half a second. An address that is lost is replaced at once, a first time, and then with growing waits.
 */
import type { Log } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { race } from "../../mesh/host/race.ts";
import { Hold } from "../core/path/hold.ts";
import { endpointText, isStun, type TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { RelayedAddress, TurnCredentials } from "../core/turn/mod.ts";
import { persistent } from "./attempts.ts";
import { TurnConnection } from "./turn_connection.ts";
import type { TurnChoice } from "./turn_servers.ts";

/** An attempt takes at most this long, in ms. */
const ATTEMPT = 8_000;
/** Attempts of one race. */
const MAX_ATTEMPTS = 16;
/** An address that nobody uses is given back after this, in ms. */
const IDLE = 10_000;
const RETRY = { firstMs: 500, longestMs: 60_000, healthyMs: 60_000 };

/** Somebody who needs the address: a peer's carrier. */
export interface RelayUser {
  /** Its peer has proved by a check that it is at the address that it named. */
  readonly proved: boolean;
  /** The address is there; null when it is gone. */
  relay(own: RelayedAddress | null, text: string): void;
  permitted(peer: TransportAddress): void;
  denied(peer: TransportAddress, reason: string): void;
  datagram(bytes: Uint8Array): void;
}

export interface TurnDeskHost {
  /** False: this node uses no TURN server. */
  enabled: boolean;
  /** An address is asked for at once, whatever else may come up. */
  first: boolean;
  /** What there is to try, best first; `prefer` names a gate that comes before all others. */
  choices(prefer: string | null): Promise<TurnChoice[]>;
  /** The server does not take these. */
  refused(choice: TurnChoice, credentials: TurnCredentials): unknown;
  log: Log;
  now(): number;
}

interface Won {
  choice: TurnChoice;
  connection: TurnConnection;
  relayed: TransportAddress;
}

export class TurnDesk {
  readonly #host: TurnDeskHost;
  readonly #users = new Map<RelayUser, string | null>();
  /** Who has named each address: any peer may name any, so several may name one, and nobody takes it from another. */
  readonly #owners = new Map<string, { peer: TransportAddress; users: Set<RelayUser> }>();
  /** Addresses that the server lets through. */
  readonly #permitted = new Set<string>();
  readonly #hold = new Hold(RETRY);
  #live: Won | null = null;
  #racing: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** Why there is no address, for people; null while there is one or nobody has asked. */
  fault: string | null = null;

  constructor(host: TurnDeskHost) {
    this.#host = host;
  }

  get enabled(): boolean {
    return this.#host.enabled;
  }

  get first(): boolean {
    return this.#host.first;
  }

  /** `user` needs the address from now on, best at this gate. */
  acquire(user: RelayUser, prefer: string | null): void {
    if (this.#users.has(user) || this.#closed) return;
    this.#users.set(user, prefer);
    clearTimeout(this.#idle);
    if (this.#live) user.relay(addressOf(this.#live), this.#live.choice.text);
    else this.#start();
  }

  release(user: RelayUser): void {
    if (!this.#users.delete(user)) return;
    for (const { peer } of [...this.#owners.values()]) this.forget(user, peer);
    if (this.#users.size > 0) return;
    clearTimeout(this.#timer);
    this.#racing?.abort();
    this.#idle = setTimeout(() => this.#drop(), IDLE);
  }

  permit(user: RelayUser, peer: TransportAddress): void {
    const key = endpointText(peer);
    const owned = this.#owners.get(key) ?? { peer, users: new Set() };
    owned.users.add(user);
    this.#owners.set(key, owned);
    if (this.#permitted.has(key)) user.permitted(peer);
    else this.#live?.connection.permit(peer);
  }

  forget(user: RelayUser, peer: TransportAddress): void {
    const key = endpointText(peer);
    const users = this.#owners.get(key)?.users;
    if (!users?.delete(user) || users.size > 0) return;
    this.#disown(key);
    this.#live?.connection.forget(peer);
  }

  #disown(key: string): void {
    this.#owners.delete(key);
    this.#permitted.delete(key);
  }

  /** Sends to a peer's address; false while the server would not pass it on. */
  send(peer: TransportAddress, bytes: Uint8Array): boolean {
    return this.#live?.connection.send(peer, bytes) ?? false;
  }

  /** Nothing comes through any more: is the address still there? */
  doubt(): void {
    this.#live?.connection.probe();
  }

  /** The credentials in use at this gate were replaced: a new address is needed at once. */
  replaced(gate: string): void {
    if (this.#live?.choice.gate === gate) this.#live.connection.close();
  }

  /** Gates have changed: waits are over. */
  hurry(): void {
    this.#hold.reset();
    this.#start();
  }

  /** This machine is on another network: connections of before lead nowhere. */
  networkChanged(): void {
    this.#hold.reset();
    if (this.#live) this.#live.connection.close();
    else this.#start();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idle);
    this.#racing?.abort();
    this.#drop();
  }

  #drop(): void {
    this.#live?.connection.close();
    this.#live = null;
  }

  #start(): void {
    clearTimeout(this.#timer);
    if (this.#racing || this.#live || this.#closed || this.#users.size === 0) return;
    const wait = this.#hold.until - this.#host.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#start(), wait);
    else void this.#race();
  }

  async #race(): Promise<void> {
    const stop = this.#racing = new AbortController();
    try {
      const prefer = [...this.#users.values()].find((gate) => gate !== null) ?? null;
      const choices = (await this.#host.choices(prefer)).slice(0, MAX_ATTEMPTS);
      if (choices.length === 0) throw new Error("no gate and no config names a TURN server");
      const won = await race(choices, {
        dial: (choice, { signal }) => persistent((s) => this.#attempt(choice, s))(signal),
        close: ({ connection }) => connection.close(),
        signal: stop.signal,
      }).first;
      this.#racing = null;
      if (this.#closed || this.#users.size === 0) return won.connection.close();
      this.#begin(won);
    } catch (error) {
      this.#racing = null;
      if (this.#closed) return;
      if (stop.signal.aborted) return this.#start();
      this.#hold.fail(this.#host.now());
      const all = error instanceof AggregateError ? error.errors : [error];
      const why = [...new Set(all.map(errorLine))].join("; ");
      if (why !== this.fault) this.#host.log.info("No TURN server gives an address", { why });
      this.fault = why;
      this.#start();
    }
  }

  async #attempt(choice: TurnChoice, signal: AbortSignal): Promise<Won> {
    const { username, password } = await choice.credentials();
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<TransportAddress>();
    promise.catch(() => {}); // it may end while the way there is still being opened, before anybody waits for it
    const { server, family } = choice;
    const options = { server, credentials: { username, password }, now: this.#host.now, ...(family && { family }) };
    const connection = new TurnConnection(options, {
      allocated: resolve,
      permitted: (peer) => {
        const users = this.#named(connection, peer);
        if (users.length > 0) this.#permitted.add(endpointText(peer));
        for (const user of users) user.permitted(peer);
      },
      denied: (peer, reason) => {
        const users = this.#named(connection, peer);
        if (users.length > 0) this.#disown(endpointText(peer));
        for (const user of users) user.denied(peer, reason);
      },
      packet: (peer, bytes) => this.#packet(this.#named(connection, peer), bytes),
      ended: (reason) => {
        reject(new Error(`${choice.text}: ${reason}`));
        if (/says (?:401|438|441)/.test(reason)) this.#host.refused(choice, { username, password });
        this.#ended(connection, reason);
      },
    });
    const late = setTimeout(() => connection.close(), ATTEMPT);
    const give = () => connection.close();
    signal.addEventListener("abort", give);
    try {
      await connection.start();
      const relayed = await promise;
      if (signal.aborted) throw new Error(`${choice.text}: another one was sooner`);
      return { choice, connection, relayed };
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", give);
    }
  }

  #named(connection: TurnConnection, peer: TransportAddress): RelayUser[] {
    return this.#live?.connection === connection ? [...this.#owners.get(endpointText(peer))?.users ?? []] : [];
  }

  /** Checks are known by their keys, packets are not: where several peers name one address, these are the one's who proved it. */
  #packet(users: RelayUser[], bytes: Uint8Array): void {
    const proved = users.length > 1 && !isStun(bytes) ? users.filter((user) => user.proved) : users;
    for (const user of proved) user.datagram(bytes);
  }

  #begin(won: Won): void {
    this.#live = won;
    this.#hold.up(this.#host.now());
    this.fault = null;
    this.#host.log.info("Address at a TURN server", { server: won.choice.text, address: endpointText(won.relayed) });
    for (const user of [...this.#users.keys()]) user.relay(addressOf(won), won.choice.text);
  }

  #ended(connection: TurnConnection, reason: string): void {
    if (this.#live?.connection !== connection) return;
    const { text } = this.#live.choice;
    this.#live = null;
    this.#owners.clear();
    this.#permitted.clear();
    if (this.#closed || this.#users.size === 0) return;
    this.#host.log.info("The address at a TURN server is gone", { server: text, why: reason });
    for (const user of [...this.#users.keys()]) user.relay(null, "");
    this.#start();
  }
}

function addressOf({ choice, relayed }: Won): RelayedAddress {
  return { gate: choice.gate, address: relayed.address, port: relayed.port };
}
