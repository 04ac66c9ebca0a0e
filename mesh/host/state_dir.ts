/**
 * Folders and files that hold state and secrets: folders 0700, files 0600, every write atomic (a new file, flushed, renamed
 * over the old one), so that a crash leaves the old content or the new one and never a part.
 */
import { GhostError } from "../wire/errors.ts";
import { parseJson } from "../wire/encoding.ts";
import { homeFor, systemStateDir, thisUser } from "./places.ts";

/**
 * A role's state folder, made when it is missing: `flag`, else /var/lib/ROLE as root, else XDG_STATE_HOME (~/.local/state) + /ROLE.
 * @throws GhostError `bad_config` when it is no folder or others may write into it, `missing_privilege` when it cannot be made
 */
export async function openStateDir(role: string, flag?: string): Promise<string> {
  const dir = flag ?? defaultStateDir(role);
  await openPrivateDir(dir, { mend: "choose another with --state-dir" });
  return dir;
}

function defaultStateDir(role: string): string {
  const user = thisUser();
  if (user.uid === 0) return systemStateDir(role, user.os);
  const base = homeFor("state", user);
  if (base !== null) return `${base}/${role}`;
  const variable = user.os === "windows" ? "LOCALAPPDATA" : "HOME";
  throw new GhostError("bad_config", `No state folder: ${variable} is not set`, {
    mend: "name one with --state-dir DIR",
  });
}

/**
 * Makes a folder of mode 0700. An existing one that is empty gets that mode; one with content keeps its mode, but is
 * refused when others may write into it, because they could swap the files.
 */
export async function openPrivateDir(dir: string, { mend }: { mend: string }): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    const info = await Deno.stat(dir);
    if (!info.isDirectory) throw new GhostError("bad_config", "Not a folder", { place: dir, mend });
    if (((info.mode ?? 0) & 0o077) === 0) return;
    for await (const _ of Deno.readDir(dir)) {
      if (((info.mode ?? 0) & 0o022) === 0) return;
      throw new GhostError("bad_config", "Others may write into this folder", {
        place: dir,
        mend: `chmod 700 ${dir}, or ${mend}`,
      });
    }
    await Deno.chmod(dir, 0o700);
  } catch (error) {
    if (error instanceof GhostError) throw error;
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new GhostError("missing_privilege", "Cannot make or read this folder", { place: dir, mend, cause: error });
    }
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory) {
      throw new GhostError("bad_config", "Not a folder", { place: dir, mend, cause: error });
    }
    const why = error instanceof Error ? error.message.split(" (os error")[0] : String(error);
    throw new GhostError("bad_config", `Cannot make this folder private: ${why}`, { place: dir, mend, cause: error });
  }
}

/** Running numbers keep two writes of one file in one process apart. */
let writes = 0;

/** Replaces a file atomically, mode 0600; returns when file and name are on the disk. */
export async function writeSecret(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const fresh = `${path}.${Deno.pid}-${writes++}.new`;
  try {
    await Deno.remove(fresh); // left by a crash of an earlier process with this id
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    using file = await Deno.open(fresh, { write: true, createNew: true, mode: 0o600 });
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    await Deno.rename(fresh, path);
  } catch (error) {
    await Deno.remove(fresh).catch(() => {});
    throw error;
  }
  await syncDir(path.slice(0, path.lastIndexOf("/") + 1) || ".");
}

/** A rename lasts only when its folder is flushed too; on Windows folders cannot be, and need not be. */
async function syncDir(dir: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(dir, { read: true });
  await folder.sync();
}

/**
 * The value of a JSON file, undefined when there is no such file.
 * @throws GhostError `bad_config` when it is not JSON
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    return parseJson(text, { place: path, max: 1 << 28 });
  } catch (error) {
    throw new GhostError("bad_config", "Not valid JSON", { place: path, cause: error });
  }
}

/** Replaces a JSON file atomically, mode 0600. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeSecret(path, `${JSON.stringify(value, null, 2)}\n`);
}
