/** `ghostctl exit-node use NAME|none` */
import type { Call } from "../call.ts";
import { askExit, tellExit, useLine } from "../machine/exit_node.ts";

export async function run(call: Call): Promise<void> {
  const node = call.args[0]!;
  const [lan, killSwitch] = [call.flag("lan"), call.flag("kill-switch")];
  if (node === "none" && (lan || killSwitch)) throw call.wrong("none takes no options");
  const state = await askExit(call, { use: node === "none" ? null : { node, lan, killSwitch } });
  tellExit(call, state, useLine(state));
}
