/** Programs that are built where Go is at hand. */
import { dirname, join } from "node:path";
import { exists, run, which } from "./run.ts";

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
}

/**
 * Builds a program unless this very version is there.
 * @returns false where there is no Go
 * @throws Failure when it does not build
 */
export async function goInstall({ module, binary, target }: GoProgram, say: (line: string) => void): Promise<boolean> {
  const version = module.slice(module.indexOf("@") + 1);
  const mark = `${target}.version`;
  const built = await Deno.readTextFile(mark).catch(() => "");
  if (built === version && await exists(target)) return true;
  const path = await compiler();
  if (!path) return false;
  say(`building ${module}`);
  const folder = dirname(target);
  await Deno.mkdir(folder, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: folder });
  try {
    const env = { GOBIN: fresh, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" };
    await run([path, "install", module], { cwd: fresh, env, timeout: 600_000 });
    await Deno.rename(join(fresh, binary), target);
    await Deno.writeTextFile(mark, version);
    return true;
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
}
