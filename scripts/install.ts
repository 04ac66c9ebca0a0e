/**
 * `deno task install [--root DIR] [--on-change PATH]`: puts four launchers (ghostmesh, ghostgate, ghostlink, ghostctl) into DIR/bin.
 * DIR is /usr/local for root and ~/.local otherwise.
 *
 * What they need lies in DIR/lib/ghostmesh: a copy of this Deno, one bundle a role (npm packages included), the launcher
 * script and a deno.json that holds the permission sets and nothing else. So they run offline, for any user and any HOME
 * (a systemd service has none), with no `deno` on PATH, and from a folder that is read-only. To remove them, delete those
 * four files and that folder.
 *
 * `--on-change` is the one program of the administrator's that ghostlink may run (`[link] on_change`): the permission set names it,
 * so that no config file can name another one. It has to lie where only root can put something; without the option it is
 * /etc/ghostlink/on_change.
 *
 * An update replaces each part by a rename, so a daemon that runs keeps the files that it has open.
 */
import { dirname, join, resolve } from "node:path";
import { misuse, readOptions } from "./lib/options.ts";
import { exists, Failure, main, PROJECT, run } from "./lib/run.ts";

/** Role folder and the name of its launcher. */
const PROGRAMS: Readonly<Record<string, string>> = {
  mesh: "ghostmesh",
  gate: "ghostgate",
  link: "ghostlink",
  ctl: "ghostctl",
};
const USAGE = "deno task install [--root DIR] [--on-change PATH]";
/** As in deno.json. */
const ON_CHANGE = "/etc/ghostlink/on_change";

function readArgs(): { root: string; onChange: string } {
  const options = { root: { type: "string" }, "on-change": { type: "string", default: ON_CHANGE } } as const;
  const values = readOptions(USAGE, options);
  const onChange = values["on-change"];
  if (!/^\/[^,]*[^/,]$/.test(onChange)) throw misuse("--on-change takes an absolute path", USAGE);
  if (values.root === "") throw misuse("--root takes a folder", USAGE);
  if (values.root) return { root: resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), values.root), onChange };
  if (Deno.uid() === 0) return { root: "/usr/local", onChange };
  const home = Deno.env.get("HOME");
  if (!home) throw misuse("HOME is not set", USAGE);
  return { root: join(home, ".local"), onChange };
}

/** Every folder above the program, as far as they are there, must be root's alone: whoever can rename one can replace it. */
async function checkAbove(path: string): Promise<void> {
  for (let folder = dirname(path);; folder = dirname(folder)) {
    const info = await Deno.lstat(folder).catch(() => null);
    if (info && (info.uid !== 0 || info.isSymlink || ((info.mode ?? 0) & 0o022) !== 0)) {
      throw new Failure(`--on-change ${path}: ${folder} is not root's alone; choose a place such as ${ON_CHANGE}`);
    }
    if (folder === dirname(folder)) return;
  }
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
async function settings(onChange: string): Promise<string> {
  const { unstable, permissions, version } = JSON.parse(await Deno.readTextFile(join(PROJECT, "deno.json")));
  const kept = Object.fromEntries(Object.keys(PROGRAMS).map((role) => [role, permissions[role]]));
  const moved: Record<string, string> = { [ON_CHANGE]: onChange, [dirname(ON_CHANGE)]: dirname(onChange) };
  const link = kept.link as Record<string, unknown>;
  for (const kind of ["read", "run"]) link[kind] = (link[kind] as string[]).map((path) => moved[path] ?? path);
  return `${JSON.stringify({ version, nodeModulesDir: "none", unstable, permissions: kept }, null, 2)}\n`;
}

const launcher = (role: string) =>
  `#!/bin/sh
# Made by GhostMesh's "deno task install"; see ../lib/ghostmesh/launch.sh.
exec "$(dirname -- "$(readlink -f -- "$0")")/../lib/ghostmesh/launch.sh" ${role} "$@"
`;

async function install({ root, onChange }: { root: string; onChange: string }): Promise<void> {
  if (onChange !== ON_CHANGE) await checkAbove(onChange);
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
    await Deno.writeTextFile(join(fresh, "deno.json"), await settings(onChange));
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

if (import.meta.main) await main(() => install(readArgs()));
