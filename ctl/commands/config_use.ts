/** `ghostctl config use NAME` */
import { loadPreferences, savePreferences } from "../admin/preferences.ts";
import { NetworkStore } from "../admin/store.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const store = await NetworkStore.open(call);
  const { network } = await store.choose(call.args[0]!);
  const sameName = (await store.all()).filter((n) => n.network.name === network.name).length;
  const chosen = sameName > 1 ? network.id : network.name;
  await savePreferences(store.dir, { ...await loadPreferences(store.dir), network: chosen });
  call.out.answer({ network: chosen }, () => `without --network, ${chosen} is meant from now on`);
}
