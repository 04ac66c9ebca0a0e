/** Trying several ways to one thing (mesh/wire/race.ts): what is under way, the time, and that nothing is left of it. */
import { Race, type RaceEvent } from "../wire/race.ts";

/** How a way is tried. */
export interface RaceHost<W, T> {
  /** Gets it there; ends soon, without it, when `signal` aborts. Where only one may ask for it, it does so after `turn()`. @throws */
  dial(way: W, o: { signal: AbortSignal; turn(): Promise<void> }): Promise<T>;
  /** Ends one that is not wanted after all. */
  close(late: T): void;
  /** Nobody wants it any more. */
  signal: AbortSignal;
}

/**
 * Begins a race.
 * @returns `first`: what comes about first; AggregateError of all that the dials threw, once they are over, when nothing does.
 *   `ended`: nothing of the race is under way any more; never rejects
 */
export function race<W, T>(ways: readonly W[], host: RaceHost<W, T>): { first: Promise<T>; ended: Promise<void> } {
  const rules = new Race(ways);
  const dials = new Map<W, { ending: AbortController; turn: PromiseWithResolvers<void>; done: Promise<void> }>();
  const failures: unknown[] = [];
  const over = Promise.withResolvers<{ result: T } | null>();
  let won: { way: W } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const handle = (event: RaceEvent<W>): void => {
    if (host.signal.aborted) return;
    for (const action of rules.handle(event, performance.now())) {
      if (action.kind === "dial") dial(action.way);
      else if (action.kind === "turn") dials.get(action.way)!.turn.resolve();
      else if (action.kind === "drop") dials.get(action.way)!.ending.abort();
      else if (action.won === null) over.resolve(null);
      else won = action.won;
    }
    clearTimeout(timer);
    const due = rules.nextDeadline();
    if (due !== null) timer = setTimeout(() => handle({ kind: "tick" }), Math.max(0, due - performance.now()));
  };
  const dial = (way: W): void => {
    const ending = new AbortController();
    const turn = Promise.withResolvers<void>();
    const opened = () => {
      handle({ kind: "open", way });
      return turn.promise;
    };
    // Only after this run: what a dial says at once is the next event, and is about one that is known.
    const work = Promise.resolve().then(() => {
      ending.signal.throwIfAborted();
      return host.dial(way, { signal: ending.signal, turn: opened });
    });
    const done = work.then((result) => {
      handle({ kind: "whole", way });
      if (won?.way === way) over.resolve({ result });
      else host.close(result);
    }, (error) => {
      failures.push(error);
      handle({ kind: "failed", way });
    });
    dials.set(way, { ending, turn, done });
  };
  const leave = () => {
    for (const { ending } of dials.values()) ending.abort();
    over.resolve(null);
  };

  host.signal.addEventListener("abort", leave);
  handle({ kind: "start" });
  if (host.signal.aborted) leave();
  const ended = over.promise.then(async () => {
    clearTimeout(timer);
    host.signal.removeEventListener("abort", leave);
    await Promise.all([...dials.values()].map(({ done }) => done));
  });
  const first = over.promise.then(async (outcome) => {
    if (outcome) return outcome.result;
    await ended;
    throw new AggregateError(failures, "Every way has failed");
  });
  return { first, ended };
}
