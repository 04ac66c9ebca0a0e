/**
 * What is done while a verb takes longer than a second: one line on standard error that counts the seconds, and goes before anything
 * else is printed. Only at a terminal, and never with `--json`.
 */

/** Milliseconds of silence before it is shown, and between two counts. */
const EVERY = 1000;

export interface BusyPlace {
  /** False: nothing is ever shown. */
  shown: boolean;
  write(text: string): void;
}

/** Standard error, if that is a terminal. */
export function terminalPlace({ json }: { json: boolean }): BusyPlace {
  return {
    shown: !json && Deno.stderr.isTerminal(),
    write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
  };
}

/** The line. */
export class Busy {
  readonly #place: BusyPlace;
  #what = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  #seconds = 0;
  #visible = false;

  constructor(place: BusyPlace) {
    this.#place = place;
  }

  /** From now on this is done, until `stop`. */
  start(what: string): void {
    this.stop();
    if (!this.#place.shown) return;
    this.#what = what;
    this.#seconds = 0;
    this.#timer = setInterval(() => this.#show(), EVERY);
    Deno.unrefTimer(this.#timer);
  }

  /** What is done has another name now. */
  call(what: string): void {
    this.#what = what;
  }

  /** Makes room for something that is printed. */
  clear(): void {
    if (this.#visible) this.#place.write("\r\x1b[K");
    this.#visible = false;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.clear();
  }

  #show(): void {
    this.#seconds++;
    this.#place.write(`\r\x1b[K${this.#what} ... ${this.#seconds} s`);
    this.#visible = true;
  }
}
