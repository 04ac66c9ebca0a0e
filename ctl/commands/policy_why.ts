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
  type Policy,
  type Ports,
  portsText,
  type Range,
  readService,
  rulesBetween,
  touchesPorts,
} from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { compileWith, policyOf, signedPolicy } from "../admin/policies.ts";
import { whyNot } from "../admin/why_not.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

export async function run(call: Call): Promise<number> {
  const [from, wanted] = [call.args[0]!, call.args[1]!];
  const { to, ports } = split(wanted, call);
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const end = `.${ledger.network.suffix}`;
  const short = (name: string) => name.toLowerCase().endsWith(end) ? name.slice(0, -end.length) : name;
  const signed = await signedPolicy(ledger, undefined);
  const { nodes } = await network.nodes(ledger);
  const compiled = compileWith(policyOf(signed), ledger, nodes);
  const [sources, targets] = [endsOf(compiled, short(from), "from"), endsOf(compiled, short(to), "to")];
  const pairs = sources.flatMap((source) => targets.map((target) => ({ source, target })));
  const all = [...new Set(pairs.flatMap(({ source, target }) => rulesBetween(compiled, source, target)))].sort((a, b) =>
    a - b
  );
  const { rules } = compiled.policy;
  const by = all.filter((i) => ports === null || meetsPorts(rules[i]!.ports, ports));
  const missing = by.length > 0 ? [] : whyNot(compiled, { sources, targets, from, to, ports });
  const lines = by.map((i) => ({ line: rules[i]!.line, ports: portsText(rules[i]!.ports) }));
  const met = pairs.map(({ source, target }) => firewallBetween(compiled.policy, source, target));
  // Dropped is what every pair of ends drops, of all that the rules let through.
  const open = by.map((i) => ports ?? rules[i]!.ports);
  const touched = met.flat().filter(({ rule }) => open.some((one) => touchesPorts(rule.ports, one)));
  const firewall = firewallLines(touched, { from, to });
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

/** A machine by name or id, an address, a name that the policy gives to some, or where one goes the internet. */
function endsOf(compiled: Compiled, text: string, side: "from" | "to"): End[] {
  const named = [...compiled.machines.values()].filter(({ node }) =>
    node.id === text || node.name === text.toLowerCase()
  );
  if (named.length > 0) return named.map(({ node }) => machineEnd(compiled, node.id)!);
  const ranges = rangesOf(compiled.policy, text);
  const ends = ranges.flatMap((range) => addressEnd(compiled, range));
  if (ends.length > 0) return ends;
  const internet = text === "internet";
  if (side === "to" && (internet || ranges.length > 0)) {
    const beyond = (internet ? [null] : ranges).flatMap((range) => internetEnds(compiled, range));
    if (beyond.length > 0) return beyond;
  }
  if (side === "to" && internet) {
    throw new GhostError("not_found", "No machine is an exit node", { mend: "ghostctl exit-node approve NAME" });
  }
  if (ranges.length === 0) {
    throw new GhostError("not_found", `No machine, host or name "${text}"`, {
      mend: "see: ghostctl nodes list, and [hosts] and [dns.names] of ghostctl policy show",
    });
  }
  throw new GhostError("not_found", `No machine has or carries ${text}`, { mend: "see: ghostctl route list" });
}

/** An address or a prefix as it stands, or what `[hosts]` or `[dns.names]` calls so. */
function rangesOf({ hosts, dns }: Policy, text: string): Range[] {
  const host = hosts.get(text);
  if (host) return [host];
  return (dns.names.get(text.toLowerCase()) ?? [text]).flatMap((one) => {
    const range = parsePrefix(one);
    return isBad(range) ? [] : [range];
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
