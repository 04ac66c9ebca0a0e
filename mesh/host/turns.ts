/**
 * Long runs of packets that are there already. Each is read at once, so a loop over them never gives the process back:
 * meanwhile nobody reads the sockets, whose small buffers (208 KiB on Linux) overflow within milliseconds, and control messages wait.
 */
import { setImmediate } from "node:timers/promises";

/** After so many packets in a row the rest of the process has its turn. */
export const RUN = 32;

/** Takes turns with the rest of the process. */
export class Turns {
  #left = RUN;

  /** After each packet; a promise to wait for when it is the others' turn, else null. */
  next(): Promise<void> | null {
    if (--this.#left > 0) return null;
    this.#left = RUN;
    return setImmediate();
  }
}
