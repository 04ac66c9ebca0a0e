/**
 * The typed plugins that were added: a file `plugins/NAME.json` in ghostctl's folder for each, mode 0600, with where the module
 * lies, the hash of its text, what it says of itself and what the user granted. A module that has changed since is refused.
 */
import { thisUser } from "../../mesh/host/places.ts";
import { openPrivateDir, readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { toBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { key32, parse, z } from "../../mesh/wire/schema.ts";
import { KINDS, manifest } from "./manifest.ts";
import { fileOf, folderOf } from "./names.ts";

/** A module's text is not longer than this, in bytes. */
const MAX_MODULE = 1 << 20;

const record = z.strictObject({
  v: z.literal(1),
  /** Absolute. */
  file: z.string().max(4096),
  /** SHA-256 of the module's text, base64url. */
  sha256: key32,
  granted: z.array(z.enum(KINDS)).max(KINDS.length),
  manifest,
});
/** A plugin that was added. */
export type Added = z.infer<typeof record>;

/** One of them. @throws GhostError `not_found`; `bad_config` when others could have written it */
export async function readAdded(configDir: string, name: string): Promise<Added> {
  const file = fileOf(configDir, name);
  for (const place of [folderOf(configDir), file]) await onlyOurs(place);
  const value = await readJson(file);
  if (value === undefined) {
    throw new GhostError("not_found", `No plugin "${name}" was added`, { mend: "see: ghostctl plugin list" });
  }
  return parse(record, value, file, "bad_config");
}

export async function writeAdded(configDir: string, added: Added): Promise<void> {
  for (const dir of [configDir, folderOf(configDir)]) {
    await openPrivateDir(dir, { mend: "choose another folder with --config-dir" });
  }
  await writeJson(fileOf(configDir, added.manifest.name), added);
}

/** @returns false when there was none */
export async function removeAdded(configDir: string, name: string): Promise<boolean> {
  try {
    await Deno.remove(fileOf(configDir, name));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A module's text and its hash. @throws GhostError `bad_input` */
export async function readModule(file: string): Promise<{ source: string; sha256: string }> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound ? "No such file" : "Cannot read this file";
    throw new GhostError("bad_input", why, { place: file, mend: "check the file's name and its mode", cause });
  }
  if (bytes.length > MAX_MODULE) throw new GhostError("too_large", `Longer than ${MAX_MODULE} bytes`, { place: file });
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return { source: new TextDecoder().decode(bytes), sha256: toBase64Url(new Uint8Array(hash)) };
}

/** The text of an added module. @throws GhostError `forbidden` when it is not what was added */
export async function unchangedModule({ file, sha256 }: Added): Promise<string> {
  const module = await readModule(file);
  if (module.sha256 === sha256) return module.source;
  throw new GhostError("forbidden", "This module has changed since it was added", {
    place: file,
    mend: `read it, and then: ghostctl plugin add ${file}`,
  });
}

async function onlyOurs(place: string): Promise<void> {
  const info = await Deno.stat(place).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (info === null) return;
  const { uid } = thisUser();
  const foreign = uid !== null && info.uid !== null && info.uid !== uid && info.uid !== 0;
  if (!foreign && ((info.mode ?? 0) & 0o022) === 0) return;
  throw new GhostError("bad_config", "Others may write here", {
    place,
    mend: "make it yours alone: chmod go-w, chown",
  });
}
