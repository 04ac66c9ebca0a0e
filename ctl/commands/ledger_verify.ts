/** `ghostctl ledger verify [FILE]` */
import { readCopy } from "../admin/copy.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

export async function run(call: Call): Promise<void> {
  const path = call.args[0];
  const network = path === undefined ? await AdminNetwork.open(call) : null;
  const ledger = network ? await network.served() : await readCopy(path!);
  const head = network?.known.head;
  if (head && ledger.head.seq < head.seq) {
    throw new GhostError(
      "ledger_rollback",
      `The coordinator shows entry ${ledger.head.seq}, but ${head.seq} is known`,
      {
        place: network!.known.server,
      },
    );
  }
  if (head && ledger.hashAt(head.seq) !== head.hash) {
    throw new GhostError("ledger_fork", `The coordinator shows another entry ${head.seq} than the one known`, {
      place: network!.known.server,
      mend: "see: ghostctl ledger resolve",
    });
  }
  const { id, name, quorum } = ledger.network;
  const admins = [...ledger.admins].map(([key, admin]) => ({ key, name: admin.name }));
  call.out.answer(
    { network: { id, name }, entries: ledger.entries.length, head: ledger.head, admins, quorum },
    () =>
      [
        `every one of the ${ledger.entries.length} entries holds`,
        `network ${name} (${id}), head ${ledger.head.seq} ${ledger.head.hash}`,
        `admins: ${admins.map((a) => `${a.name || "?"} ${a.key}`).join(", ")}; quorum ${quorum}`,
      ].join("\n"),
  );
}
