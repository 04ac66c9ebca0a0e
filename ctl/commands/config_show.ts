/** `ghostctl config show` */
import { loadPreferences } from "../admin/preferences.ts";
import { NetworkStore } from "../admin/store.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";
import { socketPaths } from "../paths.ts";

export async function run(call: Call): Promise<void> {
  const store = await NetworkStore.open(call);
  const preferred = (await loadPreferences(store.dir)).network ?? null;
  const all = await store.all();
  const networks = all.map(({ network, server, state, head }) => ({
    name: network.name,
    id: network.id,
    server,
    state,
    ledgerSeq: head?.seq ?? null,
    default: all.length === 1 || network.name === preferred || network.id === preferred,
  }));
  const answer = { dir: store.dir, sockets: socketPaths(call), network: preferred, networks };
  call.out.answer(answer, () =>
    [
      `folder   ${answer.dir}`,
      `sockets  ${answer.sockets.join(", ")}`,
      "",
      networks.length === 0 ? "no network is administered from here: ghostctl init" : table(
        ["NETWORK", "DEFAULT", "COORDINATOR", "STATE", "LEDGER ENTRY", "ID"],
        networks.map((n) => [
          n.name,
          n.default ? "yes" : "no",
          n.server,
          n.state,
          n.ledgerSeq === null ? null : String(n.ledgerSeq),
          n.id,
        ]),
        { colour: call.out.colour },
      ),
    ].join("\n"));
}
