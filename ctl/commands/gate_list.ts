/** `ghostctl gate list` */
import { rfc3339 } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { ago, table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const { gates, refused } = await network.gates(await network.ledger());
  for (const line of refused) call.out.remark(`a record that does not hold is left out: ${line}`);
  const rows = gates.map(({ id, name, draining, record }) => ({
    name,
    id,
    region: record.region,
    hosts: record.hosts,
    quic: record.quic,
    stun: record.stun,
    version: record.version,
    draining,
    seen: rfc3339(record.iat),
    expires: rfc3339(record.exp),
  }));
  call.out.answer({ gates: rows }, () =>
    rows.length === 0 ? "no gates yet: ghostctl token create --gate" : table(
      ["NAME", "REGION", "HOSTS", "QUIC", "STUN", "VERSION", "STATE", "SEEN", "ID"],
      rows.map((r) => [
        r.name,
        r.region,
        r.hosts.join(", "),
        String(r.quic),
        String(r.stun),
        r.version,
        r.draining ? "draining" : "in use",
        ago(r.seen, Date.now()),
        r.id,
      ]),
      { colour: call.out.colour },
    ));
}
