/** `ghostctl policy test FILE` */
import { failedTests, parsePolicy } from "../../mesh/policy/mod.ts";
import { loadPolicyFile } from "../admin/policy_file.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<number> {
  const path = call.args[0]!;
  const { source, computed, files } = await loadPolicyFile(path, call);
  const file = computed === undefined ? path : `${path} computed`;
  const policy = parsePolicy(computed ?? source, { file, files });
  const failed = failedTests(policy);
  const tests = policy.tests.length;
  call.out.answer({ tests, failed }, () =>
    [
      ...failed.map((f) => printable(`${file}:${f.line}:${f.column}: ${f.message}${f.mend ? `; ${f.mend}` : ""}`)),
      `${tests - failed.length} of ${tests} tests hold`,
    ].join("\n"));
  return failed.length === 0 ? 0 : 1;
}
