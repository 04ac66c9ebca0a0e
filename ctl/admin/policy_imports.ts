/**
 * The local files that a policy.ts imports, to be signed with it: whoever reads a signed policy later then has all that its output
 * came from. Deno itself says which they are, without running any of them.
 *
 * What is signed is for all members to read, and a policy.ts may be somebody else's: `import k from "./NETWORK.json"` would hand
 * them a file that only the admin can read. So an import has to lie in the policy's own folder, itself and not by a link, in no
 * hidden folder, where neither keys nor daemons' state are, and be a file that others may read already.
 */
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { GhostError } from "../../mesh/wire/errors.ts";
import { MAX_IMPORT, MAX_IMPORTS } from "../../mesh/wire/ledger.ts";
import { runDeno } from "./run_deno.ts";

/** An import: its absolute path, and the one from the policy's folder. */
interface Import {
  file: string;
  name: string;
}

/**
 * Text of each import by its path from the policy's folder, sorted.
 * @param path absolute
 * @param closed folders whose files are never signed
 * @throws GhostError `bad_policy` for too many, too long or unreadable ones, and for those that are nobody else's to read
 */
export async function readImports(path: string, closed: readonly string[]): Promise<Record<string, string>> {
  const bad = (message: string, mend: string) => new GhostError("bad_policy", message, { place: path, mend });
  const found = (await modulesOf(path)).filter((file) => file !== path)
    .map((file) => ({ file, name: relative(dirname(path), file) })).sort((a, b) => a.name < b.name ? -1 : 1);
  if (found.length > MAX_IMPORTS) {
    throw bad(`It imports ${found.length} files, more than ${MAX_IMPORTS}`, "put some of them together");
  }
  const real = await Promise.all(closed.map((dir) => Deno.realPath(dir).catch(() => dir)));
  const imports: Record<string, string> = {};
  for (const { file, name } of found) {
    if (name.length > 255) throw bad(`The name of an import is too long: ${name.slice(0, 60)}...`, "move it nearer");
    try {
      await checkPublic(path, { file, name }, [...closed, ...real]);
      imports[name] = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(file));
    } catch (cause) {
      if (cause instanceof GhostError) throw cause;
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

/** Refuses a file that is not for all members to read. */
async function checkPublic(path: string, { file, name }: Import, closed: readonly string[]): Promise<void> {
  const refused = (why: string, mend: string) =>
    new GhostError("bad_policy", `This import is not signed for all members to read: ${why}`, { place: file, mend });
  const parts = name.split(sep);
  if (parts.includes("..") || join(dirname(path), name) !== file) {
    throw refused("it lies outside of the policy's folder", "copy what the policy needs of it beside the policy");
  }
  if (parts.some((part) => part.startsWith("."))) {
    throw refused("it is hidden", "copy what the policy needs of it beside the policy");
  }
  const real = await Deno.realPath(file);
  if (real !== join(dirname(await Deno.realPath(path)), name)) {
    throw refused("it, its folder or the policy is a link", "name the policy itself, and put the import beside it");
  }
  if ([file, real].some((one) => closed.some((dir) => within(dir, one)))) {
    throw refused(
      "keys and the state of daemons lie there",
      "move the policy and its imports to a folder of their own",
    );
  }
  const { mode } = await Deno.stat(file);
  if (mode !== null && (mode & 0o044) === 0) {
    throw refused("only you may read it", "if all members may, say so: chmod go+r");
  }
}

function within(dir: string, file: string): boolean {
  const way = relative(dir, file);
  return !way.startsWith("..") && !isAbsolute(way);
}

/** A module as `deno info --json` tells of it; `local` is missing where `error` says why. */
interface Module {
  specifier: string;
  local?: unknown;
  error?: unknown;
  dependencies?: { specifier: string; code?: { specifier?: string; span?: { start: Position } } }[];
}

/** Both count from 0. */
interface Position {
  line: number;
  character: number;
}

/**
 * The files of a program: itself and what it imports, directly or not.
 * @throws GhostError `bad_policy` for a file that is not there or is no TypeScript; what lies elsewhere fails when it is run
 */
async function modulesOf(path: string): Promise<string[]> {
  const { code, stdout } = await runDeno("info", ["--json", path], { policy: path });
  if (code !== 0) throw new GhostError("bad_policy", "Its imports cannot be read", { place: path });
  const { modules = [] } = JSON.parse(stdout) as { modules?: Module[] };
  for (const module of modules) {
    if (module.specifier.startsWith("file:") && typeof module.error === "string") throw unusable(module, modules);
  }
  return modules.flatMap(({ local }) => typeof local === "string" ? [local] : []);
}

function unusable({ specifier, error }: Module, modules: readonly Module[]): GhostError {
  const file = fileURLToPath(specifier);
  const [, what] = /^SyntaxError: (.*)/.exec(`${error}`) ?? [];
  if (what !== undefined) {
    const [, at] = /:(\d+:\d+)\s*$/.exec(`${error}`) ?? [];
    return new GhostError("bad_policy", `Syntax error: ${what}`, { place: at === undefined ? file : `${file}:${at}` });
  }
  for (const { specifier: importer, dependencies = [] } of modules) {
    const found = dependencies.find(({ code }) => code?.specifier === specifier);
    const start = found?.code?.span?.start;
    if (!found || !start || !importer.startsWith("file:")) continue;
    return new GhostError("bad_policy", `It imports "${found.specifier}", which cannot be read`, {
      place: `${fileURLToPath(importer)}:${start.line + 1}:${start.character + 1}`,
      mend: `put it there: ${file}`,
    });
  }
  return new GhostError("bad_policy", "Cannot read this file", { place: file });
}
