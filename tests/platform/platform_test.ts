/**
 * The seam between GhostMesh and the operating system (link/host/platform.ts): nothing that only Linux has is called outside of
 * it, ghostlink says on others plainly that it is not there yet, and ghostctl administers networks on any of them.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ghostctl, World } from "../ctl/world.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PRELOAD = `--preload=${import.meta.dirname}/as_os.ts`;
const OTHERS = ["darwin", "windows"] as const;

/** Files behind the seam: they may know Linux, and only the platform's own file loads them. */
const BEHIND = [
  "link/host/linux.ts",
  "link/host/tools.ts",
  "link/host/machine.ts",
  "link/host/machine_filter.ts",
  "link/host/ip.ts",
  "link/host/ip_json.ts",
  "link/host/ip_monitor.ts",
  "link/host/nft.ts",
  "link/host/wg.ts",
  "link/host/wg_device.ts",
  "link/host/groups.ts",
  "link/host/ssh_keys.ts",
  "link/host/dns/system.ts",
  "link/host/exit/kill_switch.ts",
  "link/host/exit/machine_exit.ts",
  "link/host/exit/rules.ts",
  "link/host/firewall/nft.ts",
  "link/host/firewall/foreign.ts",
  "link/host/firewall/on_change.ts",
  "link/host/routes/chooser.ts",
  "link/host/routes/prober.ts",
];

/** Files that name a place or a program of Linux for a reason. */
const REASONS: Record<string, string> = {
  "mesh/host/places.ts": "says where things lie on each system",
  "mesh/host/runner.ts": "is how programs are run and found",
  "mesh/host/forwarding.ts": "is Linux's own, for link/host/machine_filter.ts and the gate's lanes",
  "link/host/dns/names.ts": "hands the platform the place that it then decides about",
  "ctl/commands/ssh.ts": "runs ssh, towards a machine that this machine's daemon knows",
  "ctl/commands/dns.ts": "puts into words what the daemon did",
  "ctl/admin/run_deno.ts": "runs Deno itself",
};

const LINUX_ONLY =
  /["'`]\/(?:proc|sys|run|dev|etc|var)\/|\bDeno\.(?:uid|gid|osRelease)\b|\bfindTool\(|\bsystemRunner\b/;

async function* files(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, dir))) {
    const path = `${dir}/${name}`;
    if (isDirectory && name !== "testdata" && name !== "samples") yield* files(path);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts") && !/^testing|^table/.test(name)) yield path;
  }
}

/** Without comments, well enough for a search. */
const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

Deno.test("nothing that only Linux has is called outside of the platform's files", async () => {
  const found: string[] = [];
  for (const dir of ["link", "ctl", "mesh/host", "mesh/client"]) {
    for await (const file of files(dir)) {
      if (BEHIND.includes(file) || file in REASONS) continue;
      const [hit] = LINUX_ONLY.exec(code(await Deno.readTextFile(join(ROOT, file)))) ?? [];
      if (hit !== undefined) found.push(`${file}: ${hit}: ask the Platform for it (link/host/platform.ts)`);
    }
  }
  assert.deepEqual(found, []);
});

Deno.test("what is behind the seam is loaded by the platform's own file alone", async () => {
  const found: string[] = [];
  for await (const file of files("link")) {
    if (BEHIND.includes(file)) continue;
    const text = code(await Deno.readTextFile(join(ROOT, file)));
    for (const [line, path] of text.matchAll(/^import (?!type )[^;]*?from "(\.[^"]+)";/gm)) {
      const target = join(file, "..", path!);
      if (!BEHIND.includes(target)) continue;
      const values = /\{([^}]*)\}/.exec(line)?.[1]?.split(",").map((w) => w.trim()).filter((w) =>
        w && !w.startsWith("type ")
      );
      if (values === undefined || values.length > 0) found.push(`${file} loads ${target}`);
    }
  }
  assert.deepEqual(found, []);
});

for (const os of OTHERS) {
  Deno.test(`ghostlink on ${os} says what is not there, and touches nothing`, async () => {
    const name = os === "darwin" ? "macOS" : "Windows";
    for (
      const args of [["join", "--auth", "ghost1_x"], ["join", "--server", "h#n", "--auth", "oidc"], ["run"], ["login"]]
    ) {
      // Nothing may be read, written, run or connected to, so nothing can have been.
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--allow-env", "--allow-sys", PRELOAD, `${ROOT}link/main.ts`, ...args],
        env: { TEST_OS: os, NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const said = new TextDecoder().decode(stderr);
      assert.deepEqual([code, stdout.length], [1, 0], said);
      assert.match(
        said,
        new RegExp(`^ghostlink: ghostlink does not run on ${name} yet: [^\\n]*; ghostctl does[^\\n]*\\n$`),
      );
    }
  });

  Deno.test(`ghostctl on ${os} founds and administers a network without anything of Linux`, async () => {
    await using world = await World.make();
    const env: Record<string, string> = {
      TEST_OS: os,
      ...(os === "windows" ? { APPDATA: world.dir } : { HOME: world.dir }),
    };
    const flags = [
      PRELOAD,
      "--allow-env",
      "--deny-run",
      "--deny-read=/proc,/sys,/run,/var/run,/etc,/dev",
      "--deny-write=/proc,/sys,/run,/var/run,/etc,/dev",
    ];
    const ctl = (...args: string[]) => ghostctl(args, { env, flags, open: [world.dir] });
    const good = async (...args: string[]) => {
      const { code, stdout, stderr } = await ctl(...args);
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    await good("init", "--server", world.server, "--setup", world.setupCode);
    const folder = os === "windows" ? `${world.dir}/ghostctl` : `${world.dir}/.config/ghostctl`;
    assert.ok((await Deno.stat(folder)).isDirectory);
    await Deno.symlink(folder, `${world.dir}/ctl`); // where world.ts looks for the coordinator's CA
    await world.join((await good("token", "create")).trim(), "bob");
    assert.match(await good("nodes", "list"), /^bob /m);
    await good("nodes", "rename", "bob", "nas");
    const policy = await world.file("acls.toml", `[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["tcp/22"]\n`);
    await good("policy", "check", policy);
    await good("policy", "push", policy);
    assert.match(await good("policy", "diff", policy), /nothing|no /i);
    await good("gate", "list");
    await good("ledger", "verify");
    await good("audit");
    await good("config", "check");
    await good("config", "show");
    await good("nodes", "revoke", "nas");
    const status = await ctl("status");
    assert.equal(status.code, 3);
    assert.match(
      status.stderr,
      /ghostlink runs on Linux only so far; verbs about networks that you administer work here/,
    );
  });
}
