/** The way of a script into its world. */
import { fetchImports, setUp } from "../setup.ts";
import { insideWorld, inWorld } from "./world.ts";

/**
 * Outside of a world: sets up what is missing, with `more`, and runs again inside; returns there.
 * @param o.tests false leaves out what only tests need
 */
export async function enterWorld(o: { tests?: boolean; more?: () => Promise<unknown> } = {}): Promise<void> {
  if (!inWorld()) {
    await setUp((line) => console.log(line), { tests: o.tests ?? true });
    await fetchImports();
    await o.more?.();
  }
  await insideWorld();
}
