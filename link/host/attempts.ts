/** One way to something, tried a few times. */
import { pause } from "../../mesh/wire/pause.ts";

/** One try of one way; it gives up when the signal aborts. */
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/** Waits before what was refused is tried again, in ms. */
const AGAIN = [150, 600, 1_500];
/** What fails sooner than this, in ms, was refused; what failed later was not answered. */
const REFUSED = 2_000;

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
