/** `ghostctl nodes rename NAME NEW` */
import { label } from "../../mesh/wire/schema.ts";
import { changeNode, reportNode } from "../admin/node_settings.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const name = call.args[1]!;
  if (!label.safeParse(name).success) throw call.wrong(`Expected a name of a-z, 0-9 and -, got "${name}"`);
  const done = await changeNode(call, (before) => ({ ...before, name }));
  reportNode(call, done, { is: `is called ${name}`, value: { newName: name } });
}
