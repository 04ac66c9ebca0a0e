/** `ghostctl nodes list` */
import { rfc3339 } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { ago, table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const { nodes, refused } = await network.nodes(ledger);
  for (const line of refused) call.out.remark(`a record that does not hold is left out: ${line}`);
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
  call.out.answer({ nodes: rows }, () => human(rows, call));
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

function human(rows: Row[], { out }: Call): string {
  if (rows.length === 0) return "no machines yet: ghostctl token create";
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
    { colour: out.colour },
  );
}
