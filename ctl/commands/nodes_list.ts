/** `ghostctl nodes list` */
import { rfc3339 } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import { list } from "../admin/policy_diff.ts";
import type { Refused } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";
import { ago, printable, table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const { nodes, refused } = await network.nodes(ledger, { all: true });
  // Who was revoked is out on purpose, and for good.
  const out = refused.filter(({ who }) => who === null || !ledger.isRevoked("node", who.key));
  for (const line of outLines(out)) call.out.remark(printable(line));
  const rows = nodes.map(({ id, name, tags, user, admission, record }) => ({
    name,
    id,
    addresses: record.ipv4 === null ? [record.ipv6] : [record.ipv4, record.ipv6],
    tags,
    user,
    ephemeral: admission.ephemeral,
    os: record.os,
    version: record.version,
    seen: rfc3339(record.iat),
    expires: rfc3339(record.exp),
  }));
  const notAdmitted = out.map(({ who, error }) => ({ name: who?.name ?? null, id: who?.id ?? null, why: error.line }));
  call.out.answer({ nodes: rows, notAdmitted }, () => human(rows, { call, out: out.length }));
}

/** Machines that have a record and are not in, those with one reason together. */
function outLines(out: readonly Refused[]): string[] {
  return [...Map.groupBy(out, ({ error }) => error.line)].map(([why, some]) => {
    const machines = some.length === 1 ? "1 machine is" : `${some.length} machines are`;
    return `${machines} known and not admitted: ${list(some.map(({ who }) => who?.name ?? "(unreadable)"))}: ${why}`;
  });
}

type Row = {
  name: string;
  id: string;
  addresses: string[];
  tags: string[];
  user: string | null;
  ephemeral: boolean;
  os: string;
  version: string;
  seen: string;
  expires: string;
};

function human(rows: Row[], { call, out }: { call: Call; out: number }): string {
  if (rows.length === 0) return out > 0 ? "no machine is admitted" : "no machines yet: ghostctl token create";
  return table(
    ["NAME", "ADDRESSES", "TAGS", "USER", "EPHEMERAL", "OS", "VERSION", "SEEN", "EXPIRES", "ID"],
    rows.map((r) => [
      r.name,
      r.addresses.join(", "),
      r.tags.join(", "),
      r.user,
      r.ephemeral ? "yes" : "no",
      r.os,
      r.version,
      ago(r.seen, Date.now()),
      r.expires.slice(0, 16),
      r.id,
    ]),
    { colour: call.out.colour },
  );
}
