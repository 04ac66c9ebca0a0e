/** `ghostctl exit-node list` */
import type { Call } from "../call.ts";
import { askExit, exitTable, tellExit } from "../machine/exit_node.ts";

export async function run(call: Call): Promise<void> {
  const state = await askExit(call);
  tellExit(call, state, exitTable(state, call.out.colour));
}
