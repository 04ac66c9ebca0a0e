/**
 * Secrets of a whole run, from founding a network to revoking a token: none of them is in any program's output, in any argument
 * of any process, or in a file that others may read.
 */
import assert from "node:assert/strict";
import { HOME, type Host } from "../../../scripts/lab/lab.ts";
import { Process } from "../../../scripts/lab/process.ts";
import {
  createToken,
  initNetwork,
  joinAll,
  setupCode,
  startGate,
  startMesh,
  waitForRung,
} from "../../../scripts/lab/programs.ts";
import { COORDINATOR } from "../../../scripts/lab/topology.ts";
import { fromBase64Url, toBase64Url } from "../../../mesh/wire/encoding.ts";
import { decodeSetupCode, decodeToken } from "../../../mesh/wire/token.ts";
import { emptyHomes, fixture } from "../../lab/support.ts";
import { ADMIN_FILE } from "./hostile.ts";

const test = fixture(emptyHomes);

/** Folders that programs write to. */
const FOLDERS = [
  "/var/lib/ghostmesh",
  "/var/lib/ghostgate",
  "/var/lib/ghostlink",
  "/run/ghostlink",
  "/run/wireguard",
  `${HOME}/.config`,
];

/** A secret's spellings: as it is, and as other programs write the same bytes. */
function spellings(secret: string): string[] {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64Url(secret);
  } catch {
    return [secret];
  }
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [secret, btoa(String.fromCharCode(...bytes)), hex];
}

/** Gathers the arguments and environments of all processes of the world until it is stopped. */
const WATCH = `while [ -e "$1" ]; do
  cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
  sleep 0.02
done | awk '!seen[$0]++ { print; fflush() }'`;

async function watchProcesses(): Promise<{ stop(): Promise<string> }> {
  const file = await Deno.makeTempFile();
  const watcher = new Process("watcher", ["/bin/sh", "-c", WATCH, "sh", file], { env: { PATH: "/usr/bin:/bin" } });
  return {
    async stop() {
      await Deno.remove(file);
      await watcher.ended;
      return watcher.text;
    },
  };
}

/** Every file of the programs: mode, and content as bytes. */
async function files(host: Host): Promise<{ path: string; mode: string; kind: string }[]> {
  const { stdout } = await host.sh(`find ${FOLDERS.join(" ")} -printf '%m %y %p\\n' 2>/dev/null || true`);
  return stdout.trim().split("\n").filter(Boolean).map((line) => {
    const [mode, kind, ...path] = line.split(" ");
    return { mode: mode!, kind: kind!, path: path.join(" ") };
  });
}

test("secrets: none of a whole run shows in output, arguments, environments or files that others may read", async (lab) => {
  const host = (name: string) => lab.host(name);
  const processes = await watchProcesses();
  const printed: string[] = [];
  const secrets = new Map<string, string>();
  const mesh = await startMesh(host("coordinator"));
  const code = await setupCode(mesh);
  secrets.set("set-up secret", toBase64Url(decodeSetupCode(code).secret));
  secrets.set("set-up code", code);
  await initNetwork(host("alice"), code);
  const token = async (...options: string[]) => {
    const text = await createToken(host("alice"), ...options);
    secrets.set(`token ${options.join(" ")}`, text);
    secrets.set(`token's key ${options.join(" ")}`, decodeToken(text).key);
    return text;
  };
  const gate = await startGate(host("gate"), { token: await token("--gate") });
  const join = await token("--uses", "3");
  const links = await joinAll([host("alice"), host("bob")], join);
  await waitForRung(host("alice"), "bob", "direct");
  for (
    const argv of [["status"], ["peers"], ["keys", "rotate"], ["status", "--json"], ["nodes", "list"], [
      "route",
      "list",
    ]]
  ) {
    const output = await host("alice").ctl(argv, { codes: "any" });
    printed.push(output.stdout, output.stderr);
  }
  // What goes wrong tells nothing either: a spoiled token, a foreign one, a used code.
  const spoiled = `${join.slice(0, -9)}AAAAAAAAA`;
  const again = ["ghostlink", "join", "--server", COORDINATOR, "--auth", "-"];
  const beside = ["--state-dir", `${HOME}/second`, "--socket", `${HOME}/second.sock`];
  for (
    const [argv, stdin] of [
      [[...again, ...beside], spoiled],
      [[...again, ...beside, "--enrol-only"], await token("--gate", "--uses", "2")],
      [["ghostctl", "init", "--server", COORDINATOR, "--setup", "-", "--acls", "acls.toml"], code],
      [["ghostgate", "--server", COORDINATOR, "--auth", "-", "--state-dir", `${HOME}/third`], join],
    ] as const
  ) {
    const output = await host("carol").run(argv, { stdin, codes: "any", timeout: 30_000 });
    assert.notEqual(output.code, 0, argv.join(" "));
    printed.push(output.stdout, output.stderr);
  }
  // Everything that the programs keep secret on disk.
  const keep = async (name: string, path: string, pattern: RegExp) => {
    const { stdout } = await host(name).run(["cat", path]);
    for (const found of stdout.matchAll(pattern)) secrets.set(`${name} ${path} ${secrets.size}`, found[1]!);
  };
  const keys = /"(?:seed|private)":\s*"([A-Za-z0-9_-]{43})"/g;
  for (const name of ["alice", "bob"]) {
    await keep(name, "/var/lib/ghostlink/identity.json", keys);
    await keep(name, "/run/ghostlink/token", /^(.+)$/g);
  }
  await keep("gate", "/var/lib/ghostgate/identity.json", keys);
  const { stdout: admin } = await host("alice").sh(ADMIN_FILE);
  await keep("alice", `${HOME}/${admin.trim()}`, keys);
  const pem = /PRIVATE KEY-----\s+(\S{40,})/g;
  await keep("coordinator", "/var/lib/ghostmesh/ca.pem", pem);
  await keep("coordinator", "/var/lib/ghostmesh/tls.pem", pem);
  assert.ok(secrets.size >= 16, `only ${secrets.size} secrets were found to look for`);

  const argvs = await processes.stop();
  assert.match(argvs, /ghostlink.*join|link\/main/, "the processes were seen");
  const programs = [mesh, gate, ...links];
  const told = new Map(programs.map((p) => [p.name, p.text]));
  const all = [...printed, ...told.values()].join("\n");
  for (const [what, secret] of secrets) {
    for (const spelling of spellings(secret)) {
      assert.ok(!argvs.includes(spelling), `${what} is in a process's arguments or environment`);
      // The set-up code is printed once, by the coordinator, because a person has to carry it.
      const allowed = what === "set-up code" ? all.replace(code, "") : all;
      assert.ok(!allowed.includes(spelling), `${what} is in a program's output`);
    }
  }
  for (const name of ["coordinator", "gate", "alice", "bob", "carol"]) {
    for (const { path, mode, kind } of await files(host(name))) {
      // The folder of each role keeps others out; what lies in it is the owner's alone as well.
      const top = FOLDERS.includes(path);
      if (path.startsWith("/run/wireguard") || path === `${HOME}/.config` || (top && path.startsWith("/var/lib"))) {
        continue;
      }
      // Others pass through this folder to the socket that only shows status and peers; they cannot list it.
      if (path === "/run/ghostlink") assert.equal(mode, "711");
      else if (path === "/run/ghostlink/read.sock") assert.deepEqual([mode, kind], ["666", "s"]);
      else assert.match(mode, /^[0-7]00$/, `${name}: ${path} has mode ${mode}`);
    }
  }
  // Tokens are used and forgotten: no machine keeps one.
  for (const name of ["coordinator", "gate", "alice", "bob"]) {
    for (const [what, secret] of secrets) {
      if (!what.startsWith("token") && what !== "set-up secret") continue;
      const { stdout } = await host(name).run(["grep", "-rlF", "-e", secret, "/var/lib"], { codes: "any" });
      assert.equal(stdout, "", `${name} keeps ${what}`);
    }
  }
  // No core dumps with keys in them.
  for (const name of ["coordinator", "gate", "alice", "bob"]) {
    const { stdout } = await host(name).sh(
      "find / -xdev -name 'core*' -type f -size +1M -newer /run/home/bin 2>/dev/null | head -3 || true",
    );
    assert.equal(stdout, "");
  }
});
