/** `ghostctl admin list` */
import { hashOfPem } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import { pendingOf } from "../admin/proposals.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";
import { changeText } from "../admin/change_text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const { known } = network;
  const admins = [...ledger.admins].map(([key, { name }]) => ({
    key,
    name,
    since: ledger.adminSince(key) ?? 0,
    here: key === known.admin.public,
  }));
  const quorum = ledger.network.quorum;
  const pending = (await pendingOf(network, ledger)).map(({ id, change, consents }) => ({
    id,
    what: changeText(change),
    by: [...consents.keys()].map((key) => ledger.admins.get(key)?.name || key),
    missing: Math.max(0, quorum - consents.size),
  }));
  const ca = known.ca === null ? null : await hashOfPem(known.ca);
  const join = `ghostctl admin key --server ${known.server} --network ${ledger.network.id}${ca ? ` --ca ${ca}` : ""}`;
  call.out.answer({ admins, quorum, pending, join }, () =>
    [
      table(
        ["NAME", "SINCE ENTRY", "HERE", "KEY"],
        admins.map((a) => [a.name, String(a.since), a.here ? "yes" : "no", a.key]),
        { colour: call.out.colour },
      ),
      "",
      `a change of admins needs ${quorum} of ${admins.length}`,
      ...pending.map((p) => `waits for ${p.missing} more: ${p.what} (by ${p.by.join(", ")}); ghostctl sign ${p.id}`),
      `for another admin, on that machine: ${join}`,
    ].join("\n"));
}
