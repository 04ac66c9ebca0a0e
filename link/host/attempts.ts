/** Several ways to one thing, tried side by side. */
import { pause } from "../../mesh/wire/pause.ts";

/** One try of one way; it gives up when the signal aborts. */
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/** Between the starts of two attempts of a race, in ms. */
const STAGGER = 300;
/** Waits before what was refused is tried again, in ms. */
const AGAIN = [150, 600, 1_500];
/** What fails sooner than this, in ms, was refused; what failed later was not answered. */
const REFUSED = 2_000;

/**
 * Starts one after another, the next when a moment has passed or all before have failed; the first that succeeds ends the others.
 * @param o.discard takes what comes too late
 * @throws what the attempts threw, when all have
 */
export async function race<T>(
  attempts: readonly Attempt<T>[],
  o: { stop: AbortSignal; discard(late: T): void },
): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, o.stop]);
  const running: Promise<T>[] = [];
  let winner: T | undefined;
  try {
    for (const attempt of attempts) {
      if (signal.aborted) break;
      const mine = attempt(signal);
      mine.catch(() => {});
      running.push(mine);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const moment = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), STAGGER));
      const won = await Promise.race([Promise.any(running).then((value) => ({ value }), () => null), moment]);
      clearTimeout(timer);
      if (won) return winner = won.value;
    }
    return winner = await Promise.any(running);
  } finally {
    over.abort();
    for (const one of running) one.then((value) => value !== winner && o.discard(value), () => {});
  }
}

/**
 * Tries a few times more what is refused: a server that is being started again, or that takes other credentials by now, says
 * otherwise in a moment, and that should not have to wait until all other ways have failed. What is not answered is tried once.
 * @throws what the last try threw
 */
export function persistent<T>(attempt: Attempt<T>, waits: readonly number[] = AGAIN): Attempt<T> {
  return async (signal) => {
    for (const wait of waits) {
      const began = performance.now();
      try {
        return await attempt(signal);
      } catch (error) {
        if (signal.aborted || performance.now() - began >= REFUSED) throw error;
      }
      await pause(wait, signal);
      signal.throwIfAborted();
    }
    return await attempt(signal);
  };
}
