/** `ghostctl policy check FILE` */
import { checkPolicy, type Fault } from "../../mesh/policy/mod.ts";
import { loadPolicyFile } from "../admin/policy_file.ts";
import { policySentences } from "../admin/settings_diff.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<number> {
  const path = call.args[0]!;
  const { source, computed, files } = await loadPolicyFile(path, call);
  const text = computed ?? source;
  const { faults, warnings, policy } = checkPolicy(text, { file: path, files });
  const file = computed === undefined ? path : `${path} computed`;
  const told = (kind: string, list: readonly Fault[]) => list.map((fault) => shown(fault, { kind, file, text }));
  const says = policy ? policySentences(policy) : [];
  const [rules, firewall] = [policy?.rules.length ?? null, policy?.firewall.length ?? null];
  call.out.answer({ ok: faults.length === 0, faults, warnings, rules, firewall, says }, () =>
    [
      ...told("error", faults),
      ...told("warning", warnings),
      ...says.map((line) => `  ${printable(line)}`),
      faults.length === 0
        ? `${path} can be signed: ${count(rules!, "rule")}${
          firewall === 0 ? "" : `, ${count(firewall!, "firewall rule")}`
        }`
        : `${faults.length} errors`,
    ].join("\n"));
  return faults.length === 0 ? 0 : 1;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** As a compiler shows it: the place, what is wrong and the mend, the line and a mark below the spot. */
function shown(
  { line, column, message, mend }: Fault,
  { kind, file, text }: { kind: string; file: string; text: string },
): string {
  const source = text.split("\n")[line - 1] ?? "";
  const from = Math.max(0, column - 60);
  const cut = printable(source.slice(from, from + 100));
  const mark = " ".repeat(printable(source.slice(from, column - 1)).length);
  return printable(`${file}:${line}:${column}: ${kind}: ${message}${mend ? `; ${mend}` : ""}`) +
    `\n  ${cut}\n  ${mark}^`;
}
