/** `ghostctl exit-node none` */
import type { Call } from "../call.ts";
import { askExit, tellExit, useLine } from "../machine/exit_node.ts";

export async function run(call: Call): Promise<void> {
  const state = await askExit(call, { use: null });
  tellExit(call, state, useLine(state));
}
