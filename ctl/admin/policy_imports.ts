/**
 * The local files that a policy.ts imports, to be signed with it: whoever reads a signed policy later then has all that its output
 * came from. Deno itself says which they are, without running any of them.
 */
import { dirname, relative } from "node:path";
import { systemRunner } from "../../mesh/host/runner.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { MAX_IMPORT, MAX_IMPORTS } from "../../mesh/wire/ledger.ts";

/**
 * Text of each import by its path from the policy's folder, sorted.
 * @throws GhostError `bad_policy` for too many, too long or unreadable ones
 */
export async function readImports(path: string): Promise<Record<string, string>> {
  const bad = (message: string, mend: string) => new GhostError("bad_policy", message, { place: path, mend });
  const found = (await modulesOf(path)).filter((file) => file !== path)
    .map((file) => ({ file, name: relative(dirname(path), file) })).sort((a, b) => a.name < b.name ? -1 : 1);
  if (found.length > MAX_IMPORTS) {
    throw bad(`It imports ${found.length} files, more than ${MAX_IMPORTS}`, "put some of them together");
  }
  const imports: Record<string, string> = {};
  for (const { file, name } of found) {
    if (name.length > 255) throw bad(`The name of an import is too long: ${name.slice(0, 60)}...`, "move it nearer");
    try {
      imports[name] = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(file));
    } catch (cause) {
      const mend = "it is signed with the policy, so it has to be text that this ghostctl may read";
      throw new GhostError("bad_policy", "Cannot read this import", { place: file, mend, cause });
    }
    if (imports[name].length > MAX_IMPORT) {
      throw bad(
        `The import ${name} is longer than ${MAX_IMPORT} characters`,
        "leave out of it what the policy does not need",
      );
    }
  }
  return imports;
}

/** The files of a program: itself and what it imports, directly or not. */
async function modulesOf(path: string): Promise<string[]> {
  const args = ["info", "--quiet", "--json", "--no-config", "--no-remote", "--no-npm", "--no-lock", path];
  const home = Deno.env.get("HOME");
  const { code, stdout } = await systemRunner.run(Deno.execPath(), args, {
    env: { NO_COLOR: "1", ...(home === undefined ? {} : { HOME: home }) },
  });
  if (code !== 0) throw new GhostError("bad_policy", "Its imports cannot be read", { place: path });
  const { modules = [] } = JSON.parse(stdout) as { modules?: { local?: unknown }[] };
  return modules.flatMap(({ local }) => typeof local === "string" ? [local] : []);
}
