/** `ghostctl ledger import FILE`: brings a coordinator that lost its store, or part of it, back to where the network is. */
import { MeshClient } from "../../mesh/client/mesh_client.ts";
import { pinCa } from "../../mesh/client/pin.ts";
import { parseServer, serverText } from "../../mesh/client/server_address.ts";
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { decodeSetupCode } from "../../mesh/wire/token.ts";
import { handToCoordinator } from "../admin/hand_entries.ts";
import { readCopy } from "../admin/copy.ts";
import { random, readStdin } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";

/** What one set-up request takes. */
const FIRST_ENTRIES = 8;
const FIRST_SIZE = 700_000;

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const { known } = network;
  const net = known.network.id;
  const copy = await readCopy(call.args[0]!, net);
  if (known.head && (copy.head.seq < known.head.seq || copy.hashAt(known.head.seq) !== known.head.hash)) {
    throw new GhostError("ledger_rollback", `The copy lacks entry ${known.head.seq}, which is known here`, {
      place: call.args[0]!,
      mend: "take a newer copy: ghostctl ledger export FILE, here or on a member's machine",
    });
  }
  if (!copy.isAdmin(known.admin.public)) {
    throw new GhostError("forbidden", "The key of this folder is no admin's in that copy", { place: call.args[0]! });
  }
  const setup = call.text("setup");
  let at = { server: known.server, ca: known.ca };
  let begun = 0;
  if (setup !== undefined) {
    const url = parseServer(call.text("server") ?? known.server);
    const code = decodeSetupCode(setup === "-" ? await readStdin() : setup);
    at = { server: serverText(url), ca: code.ca === undefined ? null : await pinCa(url, code.ca) };
    const first = firstOf(copy.entries);
    using client = new MeshClient({ ...at, net, key: known.admin, now: () => Date.now(), random });
    await client.setup(new Uint8Array(code.secret), first, { recover: true });
    begun = first.length;
  }
  const target = new AdminNetwork({ ...known, ...at }, network.store, call);
  const served = await target.served();
  if (
    served.hashAt(Math.min(served.head.seq, copy.head.seq)) !== copy.hashAt(Math.min(served.head.seq, copy.head.seq))
  ) {
    throw new GhostError("ledger_fork", "The coordinator serves another branch than the copy", {
      place: at.server,
      mend: "see: ghostctl ledger resolve",
    });
  }
  await handToCoordinator(target.client, copy.entries.slice(served.head.seq + 1));
  const added = Math.max(0, copy.head.seq - served.head.seq) + begun;
  const longer = served.head.seq > copy.head.seq ? served : copy;
  await network.adopt(await Ledger.open(longer.entries, { net, issuerSigners }), at);
  call.out.answer(
    { added, head: longer.head, server: at.server },
    () =>
      added === 0
        ? `${at.server} has all ${longer.entries.length} entries already`
        : `${added} entries brought back; ${at.server} is at entry ${longer.head.seq}`,
  );
}

function firstOf(entries: readonly string[]): string[] {
  const first: string[] = [];
  for (let size = 0; first.length < Math.min(FIRST_ENTRIES, entries.length); first.push(entries[first.length]!)) {
    size += entries[first.length]!.length;
    if (size > FIRST_SIZE && first.length > 0) break;
  }
  return first;
}
