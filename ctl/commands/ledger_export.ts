/** `ghostctl ledger export FILE` */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { daemonLedger } from "../admin/copy.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";

type Source = "coordinator" | "kept" | "daemon";

export async function run(call: Call): Promise<void> {
  const path = call.args[0]!;
  const { ledger, source } = await find(call);
  try {
    await Deno.writeTextFile(path, ledger.entries.map((jws) => `${jws}\n`).join(""));
  } catch (cause) {
    throw new GhostError("bad_input", "Cannot write this file", { place: path, cause });
  }
  const entries = ledger.entries.length;
  call.out.answer(
    { entries, head: ledger.head, network: ledger.network.id, source },
    () => `${entries} entries of network ${ledger.network.id}, to entry ${ledger.head.seq}`,
  );
  if (source === "kept") call.out.remark("the coordinator did not answer: this is what was kept here");
}

async function find(call: Call): Promise<{ ledger: Ledger; source: Source }> {
  let network: AdminNetwork;
  try {
    network = await AdminNetwork.open(call);
  } catch (error) {
    // No admin here: a member's daemon has it all, too.
    if (!(error instanceof GhostError) || error.code !== "bad_config") throw error;
    return { ledger: await daemonLedger(call), source: "daemon" };
  }
  try {
    return { ledger: await network.ledger(), source: "coordinator" };
  } catch (error) {
    const kept = await network.kept();
    if (!kept) throw error;
    return { ledger: kept, source: "kept" };
  }
}
