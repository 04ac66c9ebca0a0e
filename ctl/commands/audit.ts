/** `ghostctl audit`: who was let in, by what proof, and every change of the ledger; all of it from signed statements. */
import type { VerifiedGate, VerifiedNode } from "../../mesh/trust/record.ts";
import { entryRows } from "../admin/entries.ts";
import { rfc3339 } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";

/** What the policy calls the kinds of proof. */
const METHODS = { token: "static", oidc: "oidc", x509: "mtls" } as const;

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const { nodes, refused } = await network.nodes(ledger);
  const gates = await network.gates(ledger);
  for (const line of [...refused.map(({ error }) => error.line), ...gates.refused]) {
    call.out.remark(`a record that does not hold is left out: ${line}`);
  }
  const admissions = [
    ...nodes.map((node) => rowOf("machine", node, node.user)),
    ...gates.gates.map((gate) => rowOf("gate", gate, null)),
  ];
  const changes = entryRows(ledger);
  call.out.answer({ admissions, changes }, () =>
    [
      admissions.length === 0 ? "nobody has been let in yet" : table(
        ["NAME", "WHAT", "METHOD", "BY", "USER", "RECORD SIGNED", "ID"],
        admissions.map((a) => [a.name, a.what, a.method, a.by, a.user, a.signed.slice(0, 16), a.id]),
        { colour: call.out.colour },
      ),
      "",
      table(
        ["ENTRY", "TIME", "KIND", "BY", "WHAT"],
        changes.map((r) => [String(r.seq), r.time.slice(0, 16), r.kind, r.by.join(", "), r.what]),
        { colour: call.out.colour },
      ),
    ].join("\n"));
}

function rowOf(what: "machine" | "gate", machine: VerifiedNode | VerifiedGate, user: string | null) {
  const { id, key, name, admission, record } = machine;
  const method = METHODS[admission.method];
  // Who vouches: the grant's key, the identity provider's user, or the user of the certificate.
  const by = admission.grant ?? admission.subject ?? user ?? "a certificate";
  return { name, id, key, what, method, by, user, signed: rfc3339(record.iat) };
}
