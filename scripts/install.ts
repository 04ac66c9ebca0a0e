/**
 * `deno task install [--root DIR]`: puts four launchers (ghostmesh, ghostgate, ghostlink, ghostctl) into DIR/bin.
 * DIR is /usr/local for root and ~/.local otherwise.
 *
 * What they need lies in DIR/lib/ghostmesh: a copy of this Deno, one bundle a role (npm packages included), the launcher
 * script and a deno.json that holds the permission sets and nothing else. So they run offline, for any user and any HOME
 * (a systemd service has none), with no `deno` on PATH, and from a folder that is read-only. To remove them, delete those
 * four files and that folder.
 *
 * An update replaces each part by a rename, so a daemon that runs keeps the files that it has open.
 */
import { join, resolve } from "node:path";
import { exists, Failure, main, PROJECT, run } from "./lib/run.ts";

/** Role folder and the name of its launcher. */
const PROGRAMS: Readonly<Record<string, string>> = {
  mesh: "ghostmesh",
  gate: "ghostgate",
  link: "ghostlink",
  ctl: "ghostctl",
};
const USAGE = "usage: deno task install [--root DIR]";

function rootOf(args: readonly string[]): string {
  const [first, second, ...rest] = args;
  if (first === undefined) {
    if (Deno.uid() === 0) return "/usr/local";
    const home = Deno.env.get("HOME");
    if (!home) throw new Failure(`HOME is not set; ${USAGE}`);
    return join(home, ".local");
  }
  const inline = first.startsWith("--root=") ? first.slice("--root=".length) : undefined;
  const dir = inline ?? (first === "--root" ? second : undefined);
  if (!dir || (inline === undefined ? rest.length : args.length - 1)) throw new Failure(USAGE);
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), dir);
}

/** Makes every folder and file readable for all and writable for the owner, whatever the umask is. */
async function openToRead(path: string): Promise<void> {
  const info = await Deno.lstat(path);
  if (!info.isDirectory) {
    await Deno.chmod(path, ((info.mode ?? 0) & 0o100) !== 0 ? 0o755 : 0o644);
    return;
  }
  await Deno.chmod(path, 0o755);
  for await (const entry of Deno.readDir(path)) await openToRead(join(path, entry.name));
}

async function bundle(role: string, target: string): Promise<void> {
  const entry = join(PROJECT, role, "main.ts");
  if (!(await exists(entry))) throw new Failure(`${entry}: No such file`);
  const argv = [Deno.execPath(), "bundle", "--quiet", "--code-splitting", "--platform=deno", "--outdir", target, entry];
  await run(argv, { cwd: PROJECT });
}

/** The settings that the bundles need: permission sets and unstable features, without the import map and the tasks. */
async function settings(): Promise<string> {
  const { unstable, permissions, version } = JSON.parse(await Deno.readTextFile(join(PROJECT, "deno.json")));
  const kept = Object.fromEntries(Object.keys(PROGRAMS).map((role) => [role, permissions[role]]));
  return `${JSON.stringify({ version, nodeModulesDir: "none", unstable, permissions: kept }, null, 2)}\n`;
}

const launcher = (role: string) =>
  `#!/bin/sh
# Made by GhostMesh's "deno task install"; see ../lib/ghostmesh/launch.sh.
exec "$(dirname -- "$(readlink -f -- "$0")")/../lib/ghostmesh/launch.sh" ${role} "$@"
`;

async function install(root: string): Promise<void> {
  const lib = join(root, "lib", "ghostmesh");
  const bin = join(root, "bin");
  for (const dir of [bin, lib]) {
    await Deno.mkdir(dir, { recursive: true }).catch((error) => {
      throw new Failure(`Cannot make ${dir}: ${error.message}; choose another folder with --root DIR`);
    });
  }
  await Deno.chmod(lib, 0o755);
  const fresh = await Deno.makeTempDir({ dir: lib, prefix: ".new-" });
  const old = await Deno.makeTempDir({ dir: lib, prefix: ".old-" });
  try {
    for (const role of Object.keys(PROGRAMS)) {
      console.log(`bundling ${role}/main.ts`);
      await bundle(role, join(fresh, role));
    }
    await Deno.copyFile(Deno.execPath(), join(fresh, "deno"));
    await Deno.chmod(join(fresh, "deno"), 0o755);
    await Deno.copyFile(join(PROJECT, "scripts", "launch.sh"), join(fresh, "launch.sh"));
    await Deno.chmod(join(fresh, "launch.sh"), 0o755);
    await Deno.copyFile(join(PROJECT, "LICENSE"), join(fresh, "LICENSE"));
    await Deno.writeTextFile(join(fresh, "deno.json"), await settings());
    await Deno.mkdir(join(fresh, "cache"));
    await openToRead(fresh);
    for await (const { name } of Deno.readDir(fresh)) {
      if (await exists(join(lib, name))) await Deno.rename(join(lib, name), join(old, name));
      await Deno.rename(join(fresh, name), join(lib, name));
    }
  } finally {
    await Deno.remove(fresh, { recursive: true });
    await Deno.remove(old, { recursive: true });
  }
  for (const [role, name] of Object.entries(PROGRAMS)) {
    const path = join(bin, name);
    await Deno.writeTextFile(`${path}.new`, launcher(role));
    await Deno.chmod(`${path}.new`, 0o755);
    await Deno.rename(`${path}.new`, path);
    console.log(`installed ${path}`);
  }
  if (!(Deno.env.get("PATH") ?? "").split(":").includes(bin)) console.log(`${bin} is not on PATH`);
}

if (import.meta.main) await main(() => install(rootOf(Deno.args)));
