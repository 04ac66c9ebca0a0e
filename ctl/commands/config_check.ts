/** `ghostctl config check`: whether every network of this folder can be administered, and what is wrong otherwise. */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { loadPreferences } from "../admin/preferences.ts";
import { NetworkStore } from "../admin/store.ts";
import type { Call } from "../call.ts";

/** Milliseconds that each coordinator has. */
const PATIENCE = 10_000;

export async function run(call: Call): Promise<number> {
  const store = await NetworkStore.open(call);
  const checks: { what: string; problem: string | null }[] = [];
  const look = async (what: string, check: () => Promise<void>) => {
    try {
      await check();
      checks.push({ what, problem: null });
    } catch (error) {
      checks.push({ what, problem: errorLine(error) });
    }
  };
  const there = await isThere(store.dir);
  if (!there) {
    const note = "not there yet, so no network is administered from here; see: ghostctl help init";
    call.out.answer({ good: true, checks }, () => `${store.dir}: ${note}`);
    return 0;
  }
  await look(store.dir, async () => {
    const { mode } = await Deno.stat(store.dir);
    if (((mode ?? 0) & 0o077) === 0) return;
    throw new GhostError("bad_config", "Others may look into this folder", { mend: `chmod 700 ${store.dir}` });
  });
  if (await isThere(`${store.dir}/config.json`)) {
    await look("config.json", async () => {
      const { network } = await loadPreferences(store.dir);
      if (network !== undefined) await store.choose(network);
    });
  }
  for (const known of await store.all()) {
    await look(`${known.network.name} at ${known.server}`, async () => {
      const ledger = await new AdminNetwork(known, store).ledger({ signal: AbortSignal.timeout(PATIENCE) });
      if (ledger.isAdmin(known.admin.public)) return;
      throw new GhostError("forbidden", "The key that lies here is no admin's", { mend: "see: ghostctl admin list" });
    });
  }
  const good = checks.every((c) => c.problem === null);
  call.out.answer(
    { good, checks },
    () =>
      checks.map((c) => `${c.problem === null ? "good " : "WRONG"}  ${c.what}${c.problem ? `: ${c.problem}` : ""}`)
        .join("\n"),
  );
  return good ? 0 : 1;
}

/** Whether a file or folder is there; one that may not be looked at is. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));
}
