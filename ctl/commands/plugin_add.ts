/** `ghostctl plugin add FILE`: shows what the module asks for, and keeps what was granted with the hash of its text. */
import { resolve } from "node:path";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { closedPlaces, configDir } from "../paths.ts";
import { manifest, readManifest } from "../plugins/manifest.ts";
import { inWords, kindsOf, wanted } from "../plugins/permissions.ts";
import { runModule } from "../plugins/process.ts";
import { readModule, writeAdded } from "../plugins/store.ts";
import { UsageError } from "../usage_error.ts";

/** Milliseconds that a module may take to say what it is. */
const PATIENCE = 10_000;

export async function run(call: Call): Promise<void> {
  const file = resolve(call.args[0]!);
  // The launcher finds the path in the record by these bounds (scripts/launch.sh).
  if (/["\\\n]/.test(file)) throw call.wrong("The path of a plugin has no quotes, backslashes and line breaks");
  const { source, sha256 } = await readModule(file);
  const nothing = manifest.shape.permissions.parse(undefined);
  const dir = configDir(call);
  const said = await runModule({
    source,
    file,
    allowed: nothing,
    closed: closedPlaces(call),
    timeout: PATIENCE,
    state: () => Promise.reject(new GhostError("forbidden", "Not while it is added")),
    print() {},
    remark() {},
  }, { action: "describe" });
  const described = readManifest(said, { file, ...call.table });
  const { name, permissions, verbs } = described;
  const asked = wanted(permissions);
  const granted = kindsOf(call.all("grant"), permissions);
  if (asked.length > 0 && call.all("grant").length === 0) {
    call.out.remark(`${name} asks to`);
    for (const line of inWords(permissions)) console.error(`  ${line}`);
    throw new UsageError(
      "Nothing was granted, and nothing was added",
      `if it may: ghostctl plugin add ${call.args[0]} --grant all, or of these kinds --grant ${
        asked.join(" --grant ")
      }`,
    );
  }
  await writeAdded(dir, { v: 1, file, sha256, granted, manifest: described });
  const value = { name, file, sha256, verbs: verbs.map((v) => v.name), asked: permissions, granted };
  call.out.answer(value, () =>
    [
      `added: ${verbs.map((v) => `ghostctl ${v.name}`).join(", ")}`,
      ...inWords(permissions, granted).map((line) => `may     ${line}`),
      ...inWords(permissions, asked.filter((kind) => !granted.includes(kind))).map((line) => `may not ${line}`),
    ].join("\n"));
}
