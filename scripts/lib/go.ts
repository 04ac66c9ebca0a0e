/** Programs that are built where Go is at hand. */
import { basename, dirname, join } from "node:path";
import { exists, Failure, run, which } from "./run.ts";

/** The path of a Go compiler of at least 1.23, or undefined. */
async function compiler(): Promise<string | undefined> {
  const path = await which("go", ["/usr/local/go/bin"]);
  if (!path) return undefined;
  const { stdout } = await run([path, "env", "GOVERSION"], { codes: "any" });
  const version = /^go(\d+)\.(\d+)/.exec(stdout);
  if (!version) return undefined;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > 1 || minor >= 23 ? path : undefined;
}

/** What to build. */
export interface GoProgram {
  /** With its version: `module/path@v1.2.3`. */
  module: string;
  /** What Go calls the binary. */
  binary: string;
  /** Where it goes; a file of that name and `.version` says which one is there. */
  target: string;
  /** A fault of that version that we cannot live with. */
  mend?: Mend;
}

/** One place of a module's source that is built otherwise than it was published. */
export interface Mend {
  /** Goes into the version, so that a new mend is built anew. */
  name: string;
  /** Inside of the module. */
  file: string;
  /** Has to be there once: a version without the fault needs no mend. */
  from: string;
  to: string;
}

/**
 * Source with the mend in it.
 * @throws Failure when the faulty text is not there exactly once
 */
export function mended(source: string, { name, file, from, to }: Mend): string {
  const parts = source.split(from);
  if (parts.length !== 2) {
    throw new Failure(`${file} does not read as the mend "${name}" expects; see whether it is still needed`);
  }
  return parts.join(to);
}

/** Which version is built: the module's own, and the mend. */
export function versionOf({ module, mend }: Pick<GoProgram, "module" | "mend">): string {
  return module.slice(module.indexOf("@") + 1) + (mend ? `+${mend.name}` : "");
}

/** A program of our own: a folder of this clone that is a Go module by itself. */
export interface OwnGoProgram {
  folder: string;
  /** Where it goes, as with {@link GoProgram}. */
  target: string;
}

/** Which version of our own program lies in its folder: a digest of the files there. */
export async function ownVersion(folder: string): Promise<string> {
  const names = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  const texts = await Promise.all(
    names.sort().map(async (name) => [name, await Deno.readTextFile(join(folder, name))]),
  );
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(texts)));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** True when a program of this very version was built before. */
export async function isBuilt(target: string, version: string): Promise<boolean> {
  return await Deno.readTextFile(`${target}.version`).catch(() => "") === version && await exists(target);
}

/**
 * Builds a program unless this very version is there.
 * @returns false where there is no Go
 * @throws Failure when it does not build
 */
export async function goInstall(program: GoProgram, say: (line: string) => void): Promise<boolean> {
  const { module, binary, target, mend } = program;
  return await build({ what: module, version: versionOf(program), target }, say, async (go, options) => {
    if (mend) await buildMended(go, program, mend, options);
    else await run([go, "install", module], options);
    return binary;
  });
}

/**
 * Builds a program of our own unless it is there as its source is now. The source is left as it is: Go adds to `go.mod` and
 * `go.sum` in a copy.
 * @returns false where there is no Go
 * @throws Failure when it does not build
 */
export async function goBuild({ folder, target }: OwnGoProgram, say: (line: string) => void): Promise<boolean> {
  const binary = basename(target);
  return await build({ what: binary, version: await ownVersion(folder), target }, say, async (go, options) => {
    const copy = join(options.cwd, "module");
    await run(["/bin/cp", "-r", "--no-preserve=mode", folder, copy], options);
    await run([go, "build", "-buildvcs=false", "-o", join(options.cwd, binary), "."], { ...options, cwd: copy });
    return binary;
  });
}

/** How Go is run: in a folder of this build alone. */
interface BuildOptions {
  cwd: string;
  env: Record<string, string>;
  /** In ms. */
  timeout: number;
}

/** @param how leaves a file in the folder that it is given, and gives its name */
async function build(
  { what, version, target }: { what: string; version: string; target: string },
  say: (line: string) => void,
  how: (go: string, options: BuildOptions) => Promise<string>,
): Promise<boolean> {
  if (await isBuilt(target, version)) return true;
  const go = await compiler();
  if (!go) return false;
  say(`building ${what}`);
  const folder = dirname(target);
  await Deno.mkdir(folder, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: folder });
  try {
    const env = { GOBIN: fresh, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" };
    const binary = await how(go, { cwd: fresh, env, timeout: 600_000 });
    await Deno.rename(join(fresh, binary), target);
    await Deno.writeTextFile(`${target}.version`, version);
    return true;
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
}

/** Builds a copy of the module, since Go lets nobody put another file over one that it has checked. */
async function buildMended(
  go: string,
  { module, binary }: GoProgram,
  mend: Mend,
  options: BuildOptions,
): Promise<void> {
  const { stdout } = await run([go, "mod", "download", "-json", module], options);
  const copy = join(options.cwd, "module");
  await run(["/bin/cp", "-r", "--no-preserve=mode", JSON.parse(stdout).Dir as string, copy], options);
  const file = join(copy, mend.file);
  await Deno.writeTextFile(file, mended(await Deno.readTextFile(file), mend));
  await run([go, "build", "-buildvcs=false", "-o", join(options.cwd, binary), "."], { ...options, cwd: copy });
}
