/** `ghostctl exit-node offer on|off` */
import type { Call } from "../call.ts";
import { askExit, tellExit } from "../machine/exit_node.ts";

export async function run(call: Call): Promise<void> {
  const word = call.args[0]!;
  if (word !== "on" && word !== "off") throw call.wrong(`Expected on or off, got "${word}"`);
  const state = await askExit(call, { offer: word === "on" });
  const families = state.offer.announced.map((prefix) => prefix.includes(":") ? "IPv6" : "IPv4").join(" and ");
  const line = state.offer.on ? `this machine offers itself as an exit node for ${families || "nothing"}` : "";
  tellExit(call, state, line || "this machine is no exit node");
}
