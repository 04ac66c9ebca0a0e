/**
 * The UDP sockets of lines to gates. Deno gives the socket of a QUIC endpoint back when its garbage is collected, however long ago it was
 * closed (2.9.6), and a process that does little seldom collects: while a gate is away and dialled every few seconds, it would have ever
 * more of them open. So none is closed: it rests, and is used again. Not at once, because a router keeps what it knows of a port for some
 * minutes, a way out that has failed among it.
 */

/** How long a socket rests, in ms; routers forget UDP that nobody answers, or that has fallen silent, in less. */
const REST = 200_000;
/** Sockets that rest, of one family; beyond that the one that has rested longest does no longer. */
const MOST = 32;

/** Where sockets are bound: all addresses of a family. */
export type Anywhere = "0.0.0.0" | "::";

/** Sockets that are used again; `E` is the endpoint. */
export class Endpoints<E> {
  readonly #make: (hostname: Anywhere) => E;
  readonly #now: () => number;
  readonly #resting: Record<Anywhere, { endpoint: E; since: number }[]> = { "0.0.0.0": [], "::": [] };

  /** @param o.now ms of a clock that is never set back */
  constructor(o: { make(hostname: Anywhere): E; now(): number }) {
    this.#make = o.make;
    this.#now = o.now;
  }

  /** One that nobody else has. @throws what `make` throws, on a machine without this family */
  take(hostname: Anywhere): E {
    const [first] = this.#resting[hostname];
    const rested = first !== undefined && this.#now() - first.since >= REST;
    return rested || this.#resting[hostname].length >= MOST
      ? this.#resting[hostname].shift()!.endpoint
      : this.#make(hostname);
  }

  /** It is not needed any more. */
  rest(hostname: Anywhere, endpoint: E): void {
    this.#resting[hostname].push({ endpoint, since: this.#now() });
  }
}
