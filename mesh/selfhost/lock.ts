/** One process per state folder: the local store and the certificates bear no second one. */
import { GhostError } from "../wire/errors.ts";

/**
 * Holds the folder's lock (flock) until it is disposed of or the process ends, however it ends.
 * @throws GhostError `port_in_use` when another process holds it
 */
export async function lockStateDir(dir: string): Promise<Disposable> {
  const file = await Deno.open(`${dir}/lock`, { write: true, create: true, mode: 0o600 });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new GhostError("port_in_use", "Another ghostmesh runs with this state folder", {
    place: dir,
    mend: "stop it first, or name another folder with --state-dir",
  });
}
