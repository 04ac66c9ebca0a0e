/** For tests of what is kept in memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects garbage, all of it: what a WeakRef shows after that is held by somebody. */
export async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // a WeakRef holds until the turn that looked at it is over
    gc();
  }
}
