/** `ghostctl exit-node approve NAME`: signs the routes of an exit node, or takes them out, all of them at once. */
import { EXIT_PREFIXES } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork, type Draft } from "../admin/network.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const remove = call.flag("remove");
  const wanted = call.args[0]!;
  const network = await AdminNetwork.open(call);
  let machine = { name: wanted, id: "" }, prefixes: string[] = [];
  const signed = ({ routes }: Ledger) =>
    routes.filter(({ node, prefix }) => node === machine.id && EXIT_PREFIXES.includes(prefix));
  const { ledger, changed } = await network.changeAll(async (ledger): Promise<Draft[]> => {
    if (remove) {
      machine = await network.nodeOrOut(ledger, wanted);
      return signed(ledger).map((route) => ({ kind: "route", body: { ...route, op: "remove" } }));
    }
    const offering = await network.node(ledger, wanted);
    machine = offering;
    prefixes = EXIT_PREFIXES.filter((prefix) => offering.record.routes.includes(prefix));
    if (prefixes.length === 0) {
      throw new GhostError("not_found", `${machine.name} does not offer itself as an exit node`, {
        mend: "there: ghostctl exit-node offer on",
      });
    }
    const have = signed(ledger).map(({ prefix }) => prefix);
    return prefixes.filter((prefix) => !have.includes(prefix)).map((prefix) => ({
      kind: "route",
      body: { op: "add", prefix, node: machine.id, metric: 100, snat: true },
    }));
  });
  const { name, id } = machine;
  const { seq } = ledger.head;
  call.out.answer({ changed, name, id, prefixes, ledgerSeq: seq }, () => {
    const state = remove
      ? "is no exit node by an admin's word"
      : `is an exit node for ${prefixes.map(family).join(" and ")}`;
    return `${name} ${state}${changed ? ` (ledger entry ${seq})` : " already"}`;
  });
  if (!remove) call.out.remark('it is used by those whom a rule lets: to = ["internet"]');
}

function family(prefix: string): string {
  return prefix.includes(":") ? "IPv6" : "IPv4";
}
