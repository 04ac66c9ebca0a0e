/** `ghostctl nodes show NAME` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { rfc3339 } from "../admin/host.ts";
import { AdminNetwork, MACHINES } from "../admin/network.ts";
import { fitting, theOne } from "../admin/the_one.ts";
import type { Refused } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";
import { pairs, printable } from "../output/text.ts";

const METHODS = { token: "static", oidc: "oidc", x509: "mtls" } as const;

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const { nodes, refused } = await network.nodes(ledger, { all: true });
  const wanted = call.args[0]!;
  if (fitting(nodes, wanted).length === 0) tellOut(refused, wanted);
  const { id, key, name, tags, user, groups, admission, record } = theOne(nodes, wanted, MACHINES);
  const settings = ledger.nodeSettings(id);
  const answer = {
    name,
    id,
    key,
    addresses: record.ipv4 === null ? [record.ipv6] : [record.ipv4, record.ipv6],
    tags,
    user,
    groups,
    method: METHODS[admission.method],
    token: admission.grant,
    ephemeral: admission.ephemeral,
    vouched: settings !== undefined,
    ends: settings?.expires === undefined ? null : rfc3339(settings.expires),
    os: record.os,
    release: record.version,
    offers: record.routes,
    routes: ledger.routes.filter((r) => r.node === id).map((r) => r.prefix),
    seen: rfc3339(record.iat),
    expires: rfc3339(record.exp),
  };
  call.out.answer(answer, () =>
    pairs([
      ["machine", `${name} (${id})`],
      ["addresses", answer.addresses.join(", ")],
      ["tags", tags.join(", ") || "-"],
      ["user", user ?? "-"],
      ["came in by", `${answer.method}${admission.grant === null ? "" : `, token ${admission.grant}`}`],
      ["an admin's word", answer.vouched ? `vouched for${answer.ends ? `, ends at ${answer.ends}` : ""}` : "none"],
      ["system", `${record.os}, GhostMesh ${record.version}`],
      ["routes", answer.routes.join(", ") || "-"],
      ["record", `signed ${answer.seen.slice(0, 16)}, good until ${answer.expires.slice(0, 16)}`],
      ["key", key],
    ]));
}

/** A machine that is not in (any more) is known all the same. @throws GhostError `not_admitted` with why, if there is one */
function tellOut(refused: readonly Refused[], wanted: string): void {
  const known = refused.flatMap(({ who, error }) => who ? [{ ...who, error }] : []);
  const out = fitting(known, wanted)[0];
  if (out === undefined) return;
  const { name, id, error } = out;
  throw new GhostError("not_admitted", printable(`${name} (${id}) is known and not admitted: ${error.message}`), {
    mend: error.mend ?? "see: ghostctl nodes list",
    cause: error,
  });
}
