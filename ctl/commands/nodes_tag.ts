/** `ghostctl nodes tag NAME --add TAG --remove TAG` */
import { tag } from "../../mesh/wire/schema.ts";
import { changeNode, reportNode } from "../admin/node_settings.ts";
import { remarkUnknownTags } from "../admin/tags.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const [add, remove] = [call.all("add"), call.all("remove")];
  for (const [option, tags] of [["add", add], ["remove", remove]] as const) {
    const bad = tags.find((text) => !tag.safeParse(text).success);
    if (bad !== undefined) throw call.bad(option, `Expected a tag such as tag:web, got "${bad}"`);
  }
  if (add.length + remove.length === 0) throw call.wrong("Nothing to change: --add TAG or --remove TAG is missing");
  let tags: string[] = [];
  const done = await changeNode(call, (before, { node, ledger }) => {
    tags = [...new Set([...node.tags, ...add])].filter((t) => !remove.includes(t)).sort();
    if (tags.length > 32) throw call.bad("add", "At most 32 tags");
    remarkUnknownTags(call, add, ledger);
    return { ...before, tags };
  });
  reportNode(call, done, { is: tags.length ? `carries ${tags.join(", ")}` : "carries no tags", value: { tags } });
}
