/** What `deno task install` puts on a machine has to run without anything else: no network, no HOME, no PATH, another user's rights. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Output, PROJECT, run, which } from "../scripts/lib/run.ts";
import { unshareArgv } from "../scripts/setup.ts";

const PROGRAMS = ["ghostmesh", "ghostgate", "ghostlink", "ghostctl"];

/** Runs an installed program with an empty environment, without network, on a read-only copy of its folder. */
async function runIsolated(root: string, argv: readonly string[], env: Record<string, string> = {}): Promise<Output> {
  const script = `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" "$0" && exec env -i ${
    Object.entries(env).map(([name, value]) => `${name}=${value}`).join(" ")
  } "$@"`;
  const unshare = (await which("unshare"))!;
  return await run([unshare, ...unshareArgv(), "--kill-child", "/bin/sh", "-euc", script, root, ...argv], {
    codes: "any",
  });
}

Deno.test("deno task install gives four programs that run by themselves", async (t) => {
  const root = await Deno.makeTempDir({ prefix: "ghostmesh-install-" });
  try {
    const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];
    await run([Deno.execPath(), "run", ...settings, join(PROJECT, "scripts", "install.ts"), "--root", root], {
      timeout: 300_000,
    });
    const { version } = JSON.parse(await Deno.readTextFile(join(PROJECT, "deno.json"))) as { version: string };
    for (const program of PROGRAMS) {
      await t.step(`${program} without environment, network and a folder to write to`, async () => {
        const told = await runIsolated(root, [join(root, "bin", program), "--version"]);
        assert.equal(told.code, 0, told.stderr);
        assert.equal(told.stderr, "");
        assert.match(told.stdout, new RegExp(`(?:^|\\s)${version.replaceAll(".", "\\.")}(?:\\s|$)`));
        const help = await runIsolated(root, [join(root, "bin", program), "--help"], { HOME: "/nowhere/at/all" });
        assert.equal(help.code, 0, help.stderr);
        assert.match(help.stdout, /usage/i);
      });
    }
    await t.step("a launcher works through a symbolic link", async () => {
      await Deno.symlink(join(root, "bin", "ghostctl"), join(root, "ctl-link"));
      assert.equal((await runIsolated(root, [join(root, "ctl-link"), "--version"])).code, 0);
    });
    await t.step("verbs that load lazily are there", async () => {
      const told = await runIsolated(root, [join(root, "bin", "ghostctl"), "version", "--json"]);
      assert.equal((JSON.parse(told.stdout) as { ghostctl: string }).ghostctl, version);
    });
    await t.step("each runs with its own permission set", async () => {
      const { permissions } = JSON.parse(await Deno.readTextFile(join(root, "lib", "ghostmesh", "deno.json"))) as {
        permissions: Record<string, unknown>;
      };
      assert.deepEqual(Object.keys(permissions).sort(), ["ctl", "gate", "link", "mesh"]);
    });
    await t.step("a second install replaces the first and leaves no trace of it", async () => {
      const again = [join(PROJECT, "scripts", "install.ts"), "--root", root, "--on-change", "/etc/hooks/on_change"];
      await run([Deno.execPath(), "run", ...settings, ...again], { timeout: 300_000 });
      const { permissions: { link } } = JSON.parse(
        await Deno.readTextFile(join(root, "lib", "ghostmesh", "deno.json")),
      );
      assert.deepEqual(link.run.filter((path: string) => path.includes("on_change")), ["/etc/hooks/on_change"]);
      assert.deepEqual(link.read.filter((path: string) => /hooks|ghostlink$/.test(path) && path.startsWith("/etc")), [
        "/etc/hooks",
      ]);
      const names = [...Deno.readDirSync(join(root, "lib", "ghostmesh"))].map((entry) => entry.name).sort();
      assert.deepEqual(names, ["LICENSE", "cache", "ctl", "deno", "deno.json", "gate", "launch.sh", "link", "mesh"]);
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("README's line for the command line alone gives a ghostctl that runs anywhere", async () => {
  const readme = await Deno.readTextFile(join(PROJECT, "README.md"));
  const [line] = /^deno install .*$/m.exec(readme)!;
  const root = await Deno.makeTempDir({ prefix: "ghostmesh-install-" });
  try {
    const dir = Deno.execPath().replace(/\/[^/]*$/, "");
    const env = { DENO_INSTALL_ROOT: root, PATH: `${dir}:/usr/bin:/bin`, GHOSTLINK_SOCKET: `${root}/none.sock` };
    await run(["/bin/sh", "-c", line], { cwd: PROJECT, env, timeout: 120_000 });
    const ctl = (...args: string[]) => run([`${root}/bin/ghostctl`, ...args], { cwd: root, env, codes: "any" });
    assert.equal((await ctl("version")).code, 0);
    const status = await ctl("status");
    assert.deepEqual([status.code, /No daemon answers/.test(status.stderr)], [3, true]);
    const nobody = await ctl("nodes", "list", "--config-dir", `${root}/config`);
    assert.match(nobody.stderr, /No network is administered from here; found one with: ghostctl init/);
    const folder = await ctl("config", "show", "--config-dir", `${root}/config`);
    assert.equal(folder.code, 0, folder.stderr);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
