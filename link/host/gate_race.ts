/** Dialling all addresses of a gate for one session (core/gates/race.ts): what is under way, the time, and that nothing is left of it. */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { Race, type RaceEvent } from "../core/gates/mod.ts";

/** How one address is dialled. */
export interface RaceHost<T> {
  /** Makes a session there: asks for it only after `turn()`, and ends soon, without one, when `signal` aborts. @throws */
  dial(address: string, o: { signal: AbortSignal; turn(): Promise<void> }): Promise<T>;
  /** Ends a session that is not wanted after all. */
  close(session: T): void;
  /** Nobody wants a session any more. */
  signal: AbortSignal;
}

/**
 * The first session that comes about at any of these addresses; every other dial has ended by then.
 * @throws GhostError why there is none: all that the dials said
 */
export async function raceFor<T>(addresses: readonly string[], host: RaceHost<T>): Promise<T> {
  const race = new Race(addresses);
  const dials = new Map<string, { ending: AbortController; turn: PromiseWithResolvers<void>; done: Promise<void> }>();
  const sessions = new Map<string, T>();
  const failures: unknown[] = [];
  const over = Promise.withResolvers<string | null>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const handle = (event: RaceEvent): void => {
    if (host.signal.aborted) return;
    for (const action of race.handle(event, performance.now())) {
      if (action.kind === "dial") dial(action.address);
      else if (action.kind === "turn") dials.get(action.address)!.turn.resolve();
      else if (action.kind === "drop") dials.get(action.address)!.ending.abort();
      else over.resolve(action.won);
    }
    clearTimeout(timer);
    const due = race.nextDeadline();
    if (due !== null) timer = setTimeout(() => handle({ kind: "tick" }), Math.max(0, due - performance.now()));
  };
  const dial = (address: string): void => {
    const ending = new AbortController();
    const turn = Promise.withResolvers<void>();
    const opened = () => {
      handle({ kind: "open", address });
      return turn.promise;
    };
    // Only after this run: what a dial says at once is the next event, and is about one that is known.
    const work = Promise.resolve().then(() => host.dial(address, { signal: ending.signal, turn: opened }));
    const done = work.then((session) => {
      sessions.set(address, session);
      handle({ kind: "whole", address });
    }, (error) => {
      failures.push(error);
      handle({ kind: "failed", address });
    });
    dials.set(address, { ending, turn, done });
  };
  const leave = () => {
    for (const { ending } of dials.values()) ending.abort();
    over.resolve(null);
  };

  host.signal.addEventListener("abort", leave);
  handle({ kind: "start" });
  if (host.signal.aborted) leave();
  const won = await over.promise;
  clearTimeout(timer);
  host.signal.removeEventListener("abort", leave);
  await Promise.all([...dials.values()].map(({ done }) => done));
  for (const [address, session] of sessions) if (address !== won) host.close(session);
  if (won === null) throw failure(failures);
  return sessions.get(won)!;
}

function failure(failures: readonly unknown[]): GhostError {
  const [first] = failures;
  const lines = [...new Set(failures.map(errorLine))];
  if (lines.length === 1 && first instanceof GhostError) return first;
  return new GhostError("unreachable", lines.join("; ") || "No dial of the gate was made");
}
