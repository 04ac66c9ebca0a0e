/** `ghostctl plugin list`: the typed ones that were added, and the programs ghostctl-NAME that the launcher found on PATH. */
import { errorLine } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";
import { configDir } from "../paths.ts";
import { addedNames } from "../plugins/names.ts";
import { readAdded, unchangedModule } from "../plugins/store.ts";

interface Row {
  name: string;
  kind: "module" | "program";
  file: string | null;
  verbs: string[];
  granted: string[];
  /** Why it is not run; null when it is. */
  problem: string | null;
}

export async function run(call: Call): Promise<void> {
  const dir = configDir(call);
  const rows: Row[] = [];
  for (const name of await addedNames(dir)) rows.push(await moduleRow(dir, name));
  for (const file of (Deno.env.get("GHOSTCTL_PLUGINS") ?? "").split("\n").filter(Boolean)) {
    const name = file.slice(file.lastIndexOf("/ghostctl-") + "/ghostctl-".length);
    const problem = call.table.commands.some((c) => c.name.split(" ")[0] === name)
      ? "ghostctl's own verb of this name is run"
      : rows.some((row) => row.name === name)
      ? "another plugin of this name is run"
      : null;
    rows.push({ name, kind: "program", file, verbs: [name], granted: [], problem });
  }
  call.out.answer({ plugins: rows }, () => {
    if (rows.length === 0) return "no plugins; see: ghostctl help plugin add";
    const cells = rows.map((r) => [
      r.name,
      r.kind,
      r.kind === "program" ? "all that you may" : r.granted.join(", ") || "nothing",
      r.problem,
      r.file,
    ]);
    return table(["PLUGIN", "KIND", "MAY", "PROBLEM", "FILE"], cells, { colour: call.out.colour });
  });
}

async function moduleRow(dir: string, name: string): Promise<Row> {
  const row: Row = { name, kind: "module", file: null, verbs: [], granted: [], problem: null };
  try {
    const added = await readAdded(dir, name);
    Object.assign(row, { file: added.file, verbs: added.manifest.verbs.map((v) => v.name), granted: added.granted });
    await unchangedModule(added);
  } catch (error) {
    row.problem = errorLine(error);
  }
  return row;
}
