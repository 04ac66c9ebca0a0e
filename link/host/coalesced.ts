/** One run at a time of something that may be asked for at any moment, and one timer for many deadlines. */
import { steady } from "../../mesh/host/clock.ts";

/** A timer's longest wait here, in ms. Much longer ones (a month) do not fit a timer, and would fire at once, again and again. */
const LONGEST = 60_000;

/** Runs `work` after each request, never twice at once; requests that come while one waits share it. */
export class Coalesced {
  readonly #work: () => Promise<boolean | void>;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | null = null;
  /** Who waits for a run that holds, from the next one on. */
  #waiting: PromiseWithResolvers<void> | null = null;
  #stopped = false;

  /** @param work must not throw; false says that it failed */
  constructor(work: () => Promise<boolean | void>) {
    this.#work = work;
  }

  /** Resolves when a run that began after this call has ended. */
  request(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = null;
      return this.#stopped ? undefined : this.#running = this.#run();
    });
    return this.#queued;
  }

  /** Asks for a run; resolves when one that began after this call has not failed, which may be one that is asked for much later. */
  held(): Promise<void> {
    this.#waiting ??= Promise.withResolvers();
    const { promise } = this.#waiting;
    void this.request();
    return promise;
  }

  async #run(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = null;
    const failed = await this.#work() === false;
    if (!waiting) return;
    if (!failed) return waiting.resolve();
    // Those who asked meanwhile wait for the same run.
    const later: PromiseWithResolvers<void> = this.#waiting ??= waiting;
    if (later !== waiting) void later.promise.then(waiting.resolve);
  }

  /** Begins no more runs; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** Calls `tick` when the earliest of some deadlines is there. */
export class DeadlineTimer {
  readonly #deadlines: () => (number | null)[];
  readonly #tick: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** @param deadlines ms of the steady clock; null is no deadline */
  constructor(deadlines: () => (number | null)[], tick: () => void) {
    this.#deadlines = deadlines;
    this.#tick = tick;
  }

  /** Looks at the deadlines again. */
  arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const next = Math.min(...this.#deadlines().map((d) => d ?? Infinity));
    if (!Number.isFinite(next)) return;
    this.#timer = setTimeout(() => {
      this.#tick();
      this.arm();
    }, Math.min(Math.max(0, next - steady.now()), LONGEST));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
