/** `ghostctl nodes approve NAME`: an admin vouches for a machine by an entry of its own. */
import { changeNode, reportNode } from "../admin/node_settings.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const done = await changeNode(call, (before) => before);
  reportNode(call, done, { is: "is vouched for", value: {} });
}
