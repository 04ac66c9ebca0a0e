/** `ghostctl nodes rename NAME NEW` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { label } from "../../mesh/wire/schema.ts";
import { changeNode, reportNode } from "../admin/node_settings.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const name = call.args[1]!;
  if (!label.safeParse(name).success) throw call.wrong(`Expected a name of a-z, 0-9 and -, got "${name}"`);
  const done = await changeNode(call, (before, { node, nodes }) => {
    // A name that an admin gave stands above a machine's own: the other one would lose it, and all that is asked for by it.
    const other = nodes.find((one) => one.name === name && one.id !== node.id);
    if (other && !call.flag("force")) {
      throw new GhostError("name_taken", `"${name}" is the name of another machine, ${other.id}`, {
        mend: "choose another name, or add --force to take it from that machine",
      });
    }
    return { ...before, name };
  });
  reportNode(call, done, { is: `is called ${name}`, value: { newName: name } });
}
