/** `ghostctl policy why SRC DST[:PORT]`: which rule lets it, or what is missing. */
import {
  addressEnd,
  type Compiled,
  dropsAll,
  type End,
  firewallBetween,
  firewallText,
  internetEnds,
  isBad,
  machineEnd,
  meetsPorts,
  type Met,
  parsePrefix,
  type Ports,
  portsText,
  readService,
  rulesBetween,
  standsOn,
} from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { compileWith, policyOf, signedPolicy } from "../admin/policies.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<number> {
  const [from, wanted] = [call.args[0]!, call.args[1]!];
  const { to, ports } = split(wanted, call);
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const signed = await signedPolicy(ledger, undefined);
  const { nodes } = await network.nodes(ledger);
  const compiled = compileWith(policyOf(signed), ledger, nodes);
  const [sources, targets] = [endsOf(compiled, from, "from"), endsOf(compiled, to, "to")];
  const pairs = sources.flatMap((source) => targets.map((target) => ({ source, target })));
  const all = [...new Set(pairs.flatMap(({ source, target }) => rulesBetween(compiled, source, target)))].sort((a, b) =>
    a - b
  );
  const { rules } = compiled.policy;
  const by = all.filter((i) => ports === null || meetsPorts(rules[i]!.ports, ports));
  const missing = by.length > 0 ? [] : reasons(compiled, { sources, targets, other: all, from, to });
  const lines = by.map((i) => ({ line: rules[i]!.line, ports: portsText(rules[i]!.ports) }));
  const met = pairs.map(({ source, target }) => firewallBetween(compiled.policy, source, target));
  const firewall = by.length === 0 ? [] : firewallLines(met.flat(), { from, to });
  // Dropped is what every pair of ends drops, of all that the rules let through.
  const open = by.map((i) => ports ?? rules[i]!.ports);
  const dropped = by.length > 0 && met.every((list) => open.every((one) => dropsAll(list, one)));
  const allowed = by.length > 0 && !dropped;
  call.out.answer({ allowed, entry: signed.seq, rules: lines, missing, firewall }, () => {
    const said = lines.map((l) =>
      `the rule in line ${l.line} of the policy (ledger entry ${signed.seq}) lets ${from} reach ${to} on ${l.ports}`
    );
    const told = firewall.map((f) => `the firewall rule in line ${f.line} ${f.does} at ${f.at}${f.part}`);
    if (allowed) {
      return printable([...said.map((s) => `yes: ${s}`), ...told.map((t) => `but ${t}`)].join("\n"), { lines: true });
    }
    return printable(["no", ...missing, ...told, ...said.map((s) => `otherwise ${s}`)].join("\n  "), { lines: true });
  });
  return allowed ? 0 : 1;
}

/** What firewall rules do to a flow, each once. */
function firewallLines(met: readonly Met[], { from, to }: { from: string; to: string }) {
  const rows = met.map(({ rule, at, whole }) => ({
    line: rule.line,
    action: rule.action.kind,
    does: firewallText(rule),
    at: at === "source" ? from : to,
    part: whole ? "" : ", for some of the addresses",
  }));
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
}

/** Why no rule lets it. */
function reasons(
  compiled: Compiled,
  { sources, targets, other, from, to }: {
    sources: readonly End[];
    targets: readonly End[];
    other: readonly number[];
    from: string;
    to: string;
  },
): string[] {
  const { rules } = compiled.policy;
  if (other.length > 0) {
    return other.map((i) => `the rule in line ${rules[i]!.line} lets it on ${portsText(rules[i]!.ports)} only`);
  }
  if (sources.every((s) => targets.every((t) => s.machine === t.machine))) {
    return ["both are the same machine, which no policy judges"];
  }
  const lines = (ends: readonly End[], side: "from" | "to") =>
    rules.filter((_, i) => ends.some((end) => standsOn(compiled, end, i, side))).map(({ line }) => line);
  const [leaving, arriving] = [lines(sources, "from"), lines(targets, "to")];
  const told = (list: readonly number[]) => list.slice(0, 8).join(", ") + (list.length > 8 ? ", ..." : "");
  return [
    leaving.length === 0
      ? `no rule has ${from} in "from"`
      : `rules with ${from} in "from": line ${told(leaving)}; none of them has ${to} in "to"`,
    arriving.length === 0 ? `no rule has ${to} in "to"` : `rules with ${to} in "to": line ${told(arriving)}`,
    ...rules.filter((r) => r.posture.length > 0).map((r) =>
      `the rule in line ${r.line} asks for posture ${r.posture.join(", ")}`
    ),
    ...rules.filter((r) => r.via !== null).map((r) =>
      `the rule in line ${r.line} counts for routes via ${r.via!.map((s) => s.text).join(", ")} only`
    ),
  ].slice(0, 12);
}

/** A machine by name or id, an address, or where one goes the internet. */
function endsOf(compiled: Compiled, text: string, side: "from" | "to"): End[] {
  const named = [...compiled.machines.values()].filter(({ node }) =>
    node.id === text || node.name === text.toLowerCase()
  );
  if (named.length > 0) return named.map(({ node }) => machineEnd(compiled, node.id)!);
  const range = parsePrefix(text);
  const ends = isBad(range) ? [] : addressEnd(compiled, range);
  if (ends.length > 0) return ends;
  const internet = text === "internet";
  if (side === "to" && (internet || !isBad(range))) {
    const beyond = internetEnds(compiled, isBad(range) ? null : range);
    if (beyond.length > 0) return beyond;
  }
  if (side === "to" && internet) {
    throw new GhostError("not_found", "No machine is an exit node", { mend: "ghostctl exit-node approve NAME" });
  }
  throw new GhostError("not_found", isBad(range) ? `No machine "${text}"` : `No machine has or carries ${text}`, {
    mend: isBad(range) ? "see: ghostctl nodes list" : "see: ghostctl route list",
  });
}

/** `web1`, `web1:443`, `web1:udp/53`, `[fd00::1]:443`; null: any port at all. */
function split(text: string, call: Call): { to: string; ports: Ports | null } {
  const [, host, service] = /^\[([^\]]+)\](?::(.+))?$/.exec(text) ?? /^([^:]+)(?::([^:]+))?$/.exec(text) ??
    [, text, undefined];
  if (service === undefined) return { to: host!, ports: null };
  const ports = readService(service);
  if (ports) return { to: host!, ports };
  throw call.wrong(`"${service}" is no port`, "write web1:443, web1:udp/53 or web1:icmp");
}
