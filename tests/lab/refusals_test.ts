/** Every refusal is one line that names the place and the mend, and changes nothing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Host, Lab } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { ACLS_TOML, createToken, initNetwork, setupCode, startMesh } from "../../scripts/lab/programs.ts";
import { addPublic, COORDINATOR, GATE } from "../../scripts/lab/topology.ts";
import { assertRefusal, emptyHomes, fixture, PROJECT, snapshot } from "./support.ts";

interface World {
  lab: Lab;
  /** A machine with nothing on it, for each test its own. */
  fresh(): Promise<Host>;
  token(...options: string[]): Promise<string>;
}

let count = 0;

async function world(): Promise<World> {
  const lab = await emptyHomes();
  const mesh = await startMesh(lab.host("coordinator"));
  await initNetwork(lab.host("carol"), await setupCode(mesh));
  return {
    lab,
    fresh: () => addPublic(lab, `fresh${++count}`, `203.0.113.${100 + count}`),
    token: (...options) => createToken(lab.host("carol"), ...options),
  };
}

const test = fixture(world);
const JOIN = ["ghostlink", "join", "--server", COORDINATOR, "--auth", "-"];

/** What a program may make before it is refused: its own keys and its lock. */
const OWN = / ghostlink\/identity\.json$| ghostgate\/(?:identity|certificate)\.json$| \S+\/lock$/;

/** A program that has the tunnel's usual port. */
const TAKE =
  'Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 51820 }); console.log("taken"); setInterval(() => {}, 1000)';

/** Runs a program that must refuse, and asserts that the machine is as before. */
async function refuses(
  host: Host,
  argv: readonly string[],
  pattern: RegExp,
  o: { stdin?: string; code?: number } = {},
): Promise<void> {
  const look = async () => (await snapshot(host)).split("\n").filter((line) => !OWN.test(line));
  const before = await look();
  const stdin = o.stdin === undefined ? {} : { stdin: o.stdin };
  assertRefusal(await host.run(argv, { codes: "any", timeout: 30_000, ...stdin }), pattern, o.code);
  assert.deepEqual(await look(), before);
}

test("a malformed token", async (w) => {
  const host = await w.fresh();
  const token = await w.token();
  for (const stdin of ["nonsense", "ghost1_", token.slice(0, -20), `ghost1_${"A".repeat(5000)}`]) {
    await refuses(host, JOIN, /--auth: .*token.*ghostctl token create/, { stdin });
  }
});

test("an expired token", async (w) => {
  const host = await w.fresh();
  const stdin = await w.token("--expires", "1s");
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await refuses(host, JOIN, /token expired at .*ghostctl token create/, { stdin });
});

test("a used-up token", async (w) => {
  const stdin = await w.token("--uses", "1");
  await (await w.fresh()).run([...JOIN, "--enrol-only"], { stdin });
  await refuses(await w.fresh(), JOIN, /has admitted .*ghostctl token create/, { stdin });
});

test("a token of another network, and a machine that belongs to one", async (w) => {
  const other = await w.fresh();
  const mesh = await startMesh(other);
  await other.write("acls.toml", '[[allow]]\nfrom = ["*"]\nto = ["*"]\n');
  const setup = ["ghostctl", "init", "--server", "localhost", "--setup", "-", "--acls", "acls.toml"];
  await other.run(setup, { stdin: await setupCode(mesh) });
  const foreign = (await other.ctl(["token", "create"])).stdout.trim();
  await refuses(await w.fresh(), JOIN, /CA|certificate|network/, { stdin: foreign });
  const member = await w.fresh();
  await member.run([...JOIN, "--enrol-only"], { stdin: await w.token() });
  await refuses(member, JOIN, /belongs to network .*--state-dir/, { stdin: foreign });
});

test("a token for a gate does not admit a machine, nor the reverse", async (w) => {
  const host = await w.fresh();
  await refuses(host, JOIN, /gate/i, { stdin: await w.token("--gate") });
  await refuses(host, ["ghostgate", "--server", COORDINATOR, "--auth", "-"], /gate/i, { stdin: await w.token() });
});

test("a clock that is ten minutes off", async (w) => {
  const host = await w.fresh();
  const preload = join(PROJECT, "tests", "lab", "testdata", "shift_clock.ts");
  const settings = [
    "--quiet",
    "--no-prompt",
    "--config",
    join(PROJECT, "deno.json"),
    "-P=link",
    `--preload=${preload}`,
  ];
  // A flag replaces the set's own list, so the places of wg, ip and nft are named as well (scripts/launch.sh does it so too).
  const state = "/var/lib/ghostlink,/run/ghostlink";
  const folders = [`--allow-read=${state},/usr,/sbin,/bin`, `--allow-write=${state}`];
  const argv = [Deno.execPath(), "run", ...settings, ...folders, join(PROJECT, "link", "main.ts"), ...JOIN.slice(1)];
  await refuses(host, argv, /clock is \d+ s ahead of the coordinator's.*set the clock/, { stdin: await w.token() });
});

test("a server that does not answer", async (w) => {
  const argv = ["ghostlink", "join", "--server", "203.0.113.10:7778", "--auth", "-"];
  await refuses(await w.fresh(), argv, /203\.0\.113\.10:7778/, { stdin: await w.token() });
});

test("ghostlink run before a join", async (w) => {
  await refuses(await w.fresh(), ["ghostlink", "run"], /has not joined.*ghostlink join/);
});

test("unknown keys and wrong types in each config file", async (w) => {
  const host = await w.fresh();
  const cases: [program: string[], file: string, text: string, pattern: RegExp][] = [
    [["ghostmesh"], "ghostmesh.toml", '[server]\nbnd = "0.0.0.0:7777"\n', /ghostmesh\.toml:2:1 server\.bnd: .*"bind"/],
    [["ghostmesh"], "ghostmesh.toml", "[server]\nbind = 7777\n", /ghostmesh\.toml:2:\d+ server\.bind: /],
    [
      ["ghostgate"],
      "ghostgate.toml",
      "[relay]\nuse_quik = true\n",
      /ghostgate\.toml:2:1 relay\.use_quik: .*"use_quic"/,
    ],
    [["ghostgate"], "ghostgate.toml", '[relay]\nuse_quic = "yes"\n', /ghostgate\.toml:2:\d+ relay\.use_quic: /],
    [["ghostlink", "run"], "ghostlink.toml", "[link]\nprot = 1\n", /ghostlink\.toml:2:1 link\.prot: .*"port"/],
    [["ghostlink", "run"], "ghostlink.toml", '[link]\nport = "x"\n', /ghostlink\.toml:2:\d+ link\.port: /],
  ];
  for (const [program, file, text, pattern] of cases) {
    await host.write(file, text);
    await refuses(host, [...program, "--config", file], pattern);
  }
});

test("a faulty policy", async (w) => {
  const host = w.lab.host("carol");
  await host.write("bad.toml", '[[allow]]\nfrom = ["*"]\nto = ["group:nobody"]\n');
  await refuses(host, ["ghostctl", "policy", "push", "bad.toml"], /bad\.toml:3:\d+.*nobody/);
  await host.write("later.toml", '[[allow]]\nfrom = ["*"]\nto = ["*"]\n[routes]\nexit = ["tag:x"]\n');
  await refuses(host, ["ghostctl", "policy", "push", "later.toml"], /later\.toml:\d+/);
});

test("ports in use", async (w) => {
  const mesh = w.lab.host("coordinator");
  await refuses(mesh, ["ghostmesh", "--state-dir", "/run/home/second"], /7777.*in use/);
  const host = await w.fresh();
  const gate = host.spawn("ghostgate", ["ghostgate"]);
  await gate.line(/STUN/);
  await refuses(host, ["ghostgate", "--state-dir", "/run/home/second"], /34(?:78|79).*in use/);
  await gate.stop();
});

test("a machine on which the tunnel cannot be spends no token, and what others have there stays", async (w) => {
  const host = await w.fresh();
  const stdin = await w.token("--uses", "1");
  await host.sh("ip link add ghost0 type dummy || ip link add ghost0 type veth peer name ghost1");
  await host.sh("nft add table inet ghostlink_ghost0; nft add chain inet ghostlink_ghost0 theirs");
  await refuses(host, JOIN, /ghost0: .*exists and is not ours.*`interface`/, { stdin });
  await host.sh("ip link delete ghost0; nft delete table inet ghostlink_ghost0");
  const taken = host.spawn("taken", [Deno.execPath(), "eval", "--unstable-net", TAKE]);
  await taken.line(/^taken$/);
  await refuses(host, JOIN, /UDP port 51820: .*uses WireGuard's port.*`port`/, { stdin });
  await taken.stop();
  await refuses(host, [...JOIN, "--socket", "/proc/no/socket"], /\/proc\/no: .*--socket/, { stdin });
  await host.run([...JOIN, "--enrol-only"], { stdin });
});

test("missing tools", async (w) => {
  const host = await w.fresh();
  await host.run([...JOIN, "--enrol-only"], { stdin: await w.token() });
  await host.write("nothing", "");
  for (const [tool, mend] of [["wg", "wireguard-tools"], ["nft", "nftables"]] as const) {
    const path = (await host.sh(`command -v ${tool}`)).stdout.trim();
    await host.run(["mount", "--bind", "/run/home/nothing", path]);
    try {
      const output = await host.run(["ghostlink", "run"], { codes: "any", timeout: 30_000 });
      assertRefusal(output, new RegExp(`"${tool}" is not installed; apt-get install ${mend}`));
    } finally {
      await host.run(["umount", path]);
    }
  }
});

test("no TUN device", async (w) => {
  const host = await w.fresh();
  if ((await host.run(["ip", "link", "add", "probe0", "type", "wireguard"], { codes: "any" })).code === 0) return;
  await host.run([...JOIN, "--enrol-only"], { stdin: await w.token() });
  await host.sh("mount -t tmpfs none /dev/net");
  await refuses(host, ["ghostlink", "run"], /TUN/);
});

test("missing privilege", async (w) => {
  const host = await w.fresh();
  await host.run([...JOIN, "--enrol-only"], { stdin: await w.token() });
  await refuses(host, ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "ghostlink", "run"], /CAP_NET_ADMIN/);
});

test("wrong usage exits with 2, an absent daemon and an absent server with 3", async (w) => {
  const host = await w.fresh();
  assert.equal((await host.run(["ghostctl", "pears"], { codes: "any" })).code, 2);
  assert.equal((await host.run(["ghostlink", "jion"], { codes: "any" })).code, 2);
  assert.equal((await host.run(["ghostctl", "status"], { codes: "any" })).code, 3);
  const carol = w.lab.host("carol");
  await carol.sh(`ip route add unreachable ${COORDINATOR}/32`);
  try {
    assert.equal((await carol.run(["ghostctl", "nodes", "list"], { codes: "any", timeout: 60_000 })).code, 3);
  } finally {
    await carol.sh(`ip route del unreachable ${COORDINATOR}/32`);
  }
});

test("a set-up code works once, and only the right one", async (w) => {
  const host = await w.fresh();
  const mesh = await startMesh(host);
  const code = await setupCode(mesh);
  const init = ["ghostctl", "init", "--server", "localhost", "--setup", "-", "--acls", "acls.toml"];
  const wrong = code.slice(0, -8) + (code.endsWith("AAAAAAAA") ? "BBBBBBBB" : "AAAAAAAA");
  assert.equal((await host.run(init, { stdin: wrong, codes: "any" })).code, 1);
  await host.run(init, { stdin: code });
  const again = await host.run([...init, "--config-dir", "/run/home/second"], { stdin: code, codes: "any" });
  assertRefusal(again, /already|closed|set-?up/i);
});

test("a draft that the coordinator serves is shown whole and signed only by its hash", async (w) => {
  const host = await w.fresh();
  const mesh = await startMesh(host);
  const stdin = await setupCode(mesh);
  const init = ["ghostctl", "init", "--server", "localhost", "--setup", "-"];
  const shown = await host.run(init, { stdin, codes: "any" });
  assert.equal(shown.code, 1);
  assert.ok(`${shown.stdout}${shown.stderr}`.includes(ACLS_TOML.trim()));
  const hash = /--accept-draft ([A-Za-z0-9_-]{43})/.exec(shown.stderr)?.[1];
  assert.ok(hash, shown.stderr);
  assert.equal((await host.run([...init, "--accept-draft", "A".repeat(43)], { stdin, codes: "any" })).code, 1);
  await host.run([...init, "--accept-draft", hash], { stdin });
});

test("an unclaimed coordinator refuses everything but set-up, a gate without a network refuses sessions and says why", async (w) => {
  const host = await w.fresh();
  const mesh = await startMesh(host);
  await setupCode(mesh);
  const token = await w.token();
  const argv = ["ghostlink", "join", "--server", "localhost", "--auth", "-", "--state-dir", "/run/home/link"];
  assert.equal((await host.run(argv, { stdin: token, codes: "any" })).code, 1);
  const gate = w.lab.host("gate").spawn("ghostgate", ["ghostgate"]);
  await gate.line(/ghostctl token create --gate/);
  await waitFor("an answer to STUN", () => gate.text.includes("STUN"));
  assert.ok(gate.running, GATE);
  await gate.stop();
});
