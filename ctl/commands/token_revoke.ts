/** `ghostctl token revoke KEY` */
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { grantsOf } from "../admin/grants.ts";
import { AdminNetwork, type Draft } from "../admin/network.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const wanted = call.args[0]!;
  const reason = call.text("reason");
  if (reason !== undefined && reason.length > 512) throw call.bad("reason", "At most 512 characters");
  const network = await AdminNetwork.open(call);
  let key = wanted;
  let stay: string[] = [];
  let fall: string[] = [];
  const { ledger, changed } = await network.changeAll(async (ledger) => {
    const fitting = [...grantsOf(ledger).keys()].filter((k) => k.startsWith(wanted));
    if (fitting.length !== 1) {
      const why = fitting.length === 0 ? `No token with the key "${wanted}"` : `Several tokens begin with "${wanted}"`;
      throw new GhostError("not_found", why, { mend: "see: ghostctl token list" });
    }
    key = fitting[0]!;
    if (ledger.isRevoked("grant", key)) return [];
    const falls = new AdmitRules().of(ledger.policy).some((rule) => rule.method === "static" && rule.revokesNodes);
    const machines = [...(await network.nodes(ledger)).nodes, ...(await network.gates(ledger)).gates]
      .filter(({ admission }) => admission.grant === key);
    fall = falls ? machines.map(({ name }) => name) : [];
    stay = falls ? [] : machines.map(({ name }) => name);
    const vouch = falls ? [] : machines.filter(({ id }) => ledger.nodeSettings(id) === undefined);
    return [
      ...vouch.map(({ id }): Draft => ({ kind: "node", body: { node: id } })),
      { kind: "revoke", body: { what: "grant", key, ...(reason === undefined ? {} : { reason }) } },
    ];
  });
  call.out.answer({ changed, key, stay, fall, ledgerSeq: ledger.head.seq }, () => {
    if (!changed) return `${key} was revoked before`;
    const rest = stay.length
      ? `; who came in by it stays: ${stay.join(", ")}`
      : fall.length
      ? `; gone: ${fall.join(", ")}`
      : "";
    return `${key} admits nobody any more (ledger entry ${ledger.head.seq})${rest}`;
  });
}
