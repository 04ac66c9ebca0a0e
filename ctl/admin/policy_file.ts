/** A policy before it is signed: read, checked, its own tests run. */
import { parsePolicy, type Policy, runPolicyTests } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";

/** A policy that may be signed. */
export interface CheckedPolicy {
  source: string;
  policy: Policy;
}

/**
 * Reads and checks a policy file.
 * @throws GhostError `bad_policy` with the place
 */
export async function readPolicyFile(path: string, call: Call): Promise<CheckedPolicy> {
  if (/\.[cm]?[jt]s$/.test(path)) {
    throw new GhostError("not_supported", "A policy written in TypeScript is not supported yet", {
      place: path,
      mend: "write it as TOML",
    });
  }
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
  return checkSource(source, path, call);
}

/** Checks a policy's text; what looks like a slip is remarked. @throws GhostError `bad_policy` */
export function checkSource(source: string, file: string, { out }: Call): CheckedPolicy {
  const policy = parsePolicy(source, { file });
  runPolicyTests(policy);
  for (const { line, column, message, mend } of policy.warnings) {
    out.remark(`${file}:${line}:${column}: ${message}${mend ? `; ${mend}` : ""}`);
  }
  return { source, policy };
}
