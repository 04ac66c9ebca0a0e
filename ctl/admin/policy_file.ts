/** A policy before it is signed: read, checked, its own tests run. */
import { dirname, join, resolve } from "node:path";
import { namedFiles, parsePolicy, type Policy, runPolicyTests } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import type { Call } from "../call.ts";
import { closedPlaces } from "../paths.ts";
import { computePolicy } from "./compute_policy.ts";
import { readImports } from "./policy_imports.ts";

/** As wire/ledger.ts bounds a file in a policy. */
const MAX_FILE = 65_536;

/** A policy that may be signed. */
export interface CheckedPolicy {
  source: string;
  /** The document that a policy.ts produced. */
  computed?: string;
  policy: Policy;
  /** The files that it names, by name. */
  files: Record<string, string>;
  /** What a policy.ts imports, by path from its folder. */
  imports?: Record<string, string>;
}

/**
 * Reads and checks a policy file.
 * @throws GhostError `bad_policy` with the place
 */
export async function readPolicyFile(path: string, call: Call): Promise<CheckedPolicy> {
  const { source, computed, files, imports } = await loadPolicyFile(path, call);
  const text = computed ?? source;
  const checked = checkSource(text, { file: computed === undefined ? path : `${path} computed`, files, call });
  return { ...checked, source, ...(computed === undefined ? {} : { computed, imports: imports ?? {} }) };
}

/** A policy file as it would be signed, read and, when it is TypeScript, run, but not checked. @throws GhostError `bad_policy` */
export async function loadPolicyFile(path: string, call: Call): Promise<Omit<CheckedPolicy, "policy">> {
  let source: string;
  try {
    source = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(path));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "No such file"
      : error instanceof TypeError
      ? "Not UTF-8"
      : "Cannot read this file";
    throw new GhostError("bad_policy", why, { place: path, mend: "check the file's name and its mode", cause: error });
  }
  if (!path.endsWith(".ts")) return { source, files: await readNamedFiles(source, dirname(path)) };
  const main = resolve(path);
  const imports = await readImports(main, closedPlaces(call));
  const computed = await computePolicy(main, Object.keys(imports).map((name) => join(dirname(main), name)));
  return { source, computed, imports, files: await readNamedFiles(computed, dirname(path)) };
}

/** Reads the files that a policy names from its own folder; one that is not there is the parser's to tell, with its line. */
async function readNamedFiles(source: string, folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of namedFiles(source)) {
    const path = join(folder, name);
    try {
      files[name] = await Deno.readTextFile(path);
    } catch (cause) {
      // What is not there is not allowed either (scripts/launch.sh).
      if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotCapable) continue;
      throw new GhostError("bad_policy", "Cannot read this file, which the policy names", { place: path, cause });
    }
    if (files[name].length > MAX_FILE) {
      throw new GhostError("bad_policy", `Longer than ${MAX_FILE} characters`, { place: path });
    }
  }
  return files;
}

/** The body of the entry that signs a policy. */
export function policyBody(
  { source, computed, files, imports = {} }: Pick<CheckedPolicy, "source" | "computed" | "files" | "imports">,
): LedgerBody<"policy"> {
  const text = computed === undefined
    ? { format: "toml" as const, source }
    : { format: "ts" as const, source, computed };
  return {
    ...text,
    ...(Object.keys(files).length > 0 ? { files } : {}),
    ...(Object.keys(imports).length > 0 ? { imports } : {}),
  };
}

/** Checks a policy's text; what looks like a slip is remarked. @throws GhostError `bad_policy` */
export function checkSource(
  source: string,
  { file, files, call: { out } }: { file: string; files: Record<string, string>; call: Call },
): CheckedPolicy {
  const policy = parsePolicy(source, { file, files });
  runPolicyTests(policy);
  for (const { line, column, message, mend } of policy.warnings) {
    out.remark(`${file}:${line}:${column}: warning: ${message}${mend ? `; ${mend}` : ""}`);
  }
  return { source, policy, files };
}
