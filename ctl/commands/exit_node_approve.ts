/** `ghostctl exit-node approve NAME`: signs the routes of an exit node, or takes them out. */
import { EXIT_PREFIXES } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const remove = call.flag("remove");
  const network = await AdminNetwork.open(call);
  let name = call.args[0]!, id = "", seq = 0, any = false;
  const prefixes = new Set<string>(); // a change is worked out again when another's entry comes first
  for (const prefix of EXIT_PREFIXES) {
    const { ledger, changed } = await network.change(async (ledger) => {
      const old = (node: string) => ledger.routes.find((route) => route.prefix === prefix && route.node === node);
      if (remove) {
        ({ name, id } = await network.nodeOrOut(ledger, call.args[0]!));
        const route = old(id);
        return route ? { kind: "route", body: { ...route, op: "remove" } } : null;
      }
      const node = await network.node(ledger, call.args[0]!);
      ({ name, id } = node);
      if (!node.record.routes.some((route) => EXIT_PREFIXES.includes(route))) {
        throw new GhostError("not_found", `${name} does not offer itself as an exit node`, {
          mend: "there: ghostctl exit-node offer on",
        });
      }
      if (!node.record.routes.includes(prefix)) return null;
      prefixes.add(prefix);
      return old(id) ? null : { kind: "route", body: { op: "add", prefix, node: id, metric: 100, snat: true } };
    });
    any ||= changed;
    seq = ledger.head.seq;
  }
  call.out.answer({ changed: any, name, id, prefixes: [...prefixes], ledgerSeq: seq }, () => {
    const state = remove
      ? "is no exit node by an admin's word"
      : `is an exit node for ${[...prefixes].map(family).join(" and ")}`;
    return `${name} ${state}${any ? ` (ledger entry ${seq})` : " already"}`;
  });
  if (!remove) call.out.remark('it is used by those whom a rule lets: to = ["internet"]');
}

function family(prefix: string): string {
  return prefix.includes(":") ? "IPv6" : "IPv4";
}
