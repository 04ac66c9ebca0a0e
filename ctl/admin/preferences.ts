/** What `ghostctl config` keeps in `config.json` of ghostctl's folder: which network is meant when none is named. */
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { parse, z } from "../../mesh/wire/schema.ts";

const file = z.strictObject({
  v: z.literal(1),
  /** The network that is meant without --network, by name or id. */
  network: z.string().max(63).optional(),
});
export type Preferences = z.infer<typeof file>;

/** @throws GhostError `bad_config` */
export async function loadPreferences(dir: string): Promise<Preferences> {
  const path = `${dir}/config.json`;
  const value = await readJson(path);
  return value === undefined ? { v: 1 } : parse(file, value, path, "bad_config");
}

export async function savePreferences(dir: string, preferences: Preferences): Promise<void> {
  await writeJson(`${dir}/config.json`, preferences);
}
