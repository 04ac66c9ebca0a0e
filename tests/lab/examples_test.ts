/**
 * Every example of the command table and of README, carried out for real by examples.ts: a coordinator, a gate and three machines,
 * and two more where networks are founded. Before them the two verbs that other users and programs meet: ssh and [link] group.
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../ctl/table.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { peers, runLink, status } from "../../scripts/lab/programs.ts";
import { run } from "../../scripts/lib/run.ts";
import { carryOut, EXAMPLES, ORDER, readmeLines, WAYS } from "./examples.ts";
import { prepareSshd, startSshd } from "./sshd.ts";
import { connected, fixture, homes, type Network, PROJECT } from "./support.ts";

const test = fixture(homes);

test("ssh logs in at a machine whose host key is in its signed record, and at no other", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  await prepareSshd(bob, alice);
  const sshd = await startSshd(bob);
  const key = (await bob.sh("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")).stdout.trim();
  await waitFor("alice to know bob's new key", async () => {
    const { sshHostKeys } = await alice.ctlJson<{ sshHostKeys: string[] }>(["whois", "bob"]);
    return sshHostKeys.join() === key;
  });
  const there = await alice.ctl(["ssh", "ann@bob", "--", "sh", "-c", "'id -un; uname -n'"]);
  assert.equal(there.stdout, "ann\nbob\n", there.stderr);
  assert.equal((await alice.ctl(["ssh", "bob", "exit 7"], { codes: "any" })).code, 7);
  assert.deepEqual((await alice.sh("ls -A .config/ghostctl | grep known-hosts || true")).stdout, "", "nothing is left");
  await sshd.stop();
  const impostor = await startSshd(bob, { own: false });
  const refused = await alice.ctl(["ssh", "bob", "touch /run/home/hurt"], { codes: "any" });
  assert.equal(refused.code, 255);
  assert.match(refused.stderr, /HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
  assert.notEqual((await bob.run(["test", "-e", "/run/home/hurt"], { codes: "any" })).code, 0);
  await impostor.stop();
  await startSshd(bob);
});

test("[link] group: its members change things, other users read and are told what to do", async (net) => {
  const carol = net.host("carol");
  const root = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    // The installed programs, which any user can run.
    await Deno.chmod(root, 0o755);
    await run([Deno.execPath(), "run", "--quiet", "-P=tools", "scripts/install.ts", "--root", root], { cwd: PROJECT });
    await carol.write("ghostlink.toml", '[link]\ngroup = "meshers"\n');
    await carol.sh("cp /etc/group group; echo 'meshers:x:4242:' >>group; mount --bind group /etc/group");
    await net.links.carol.stop();
    net.links.carol = runLink(carol, "--config", "ghostlink.toml");
    await connected(carol);
    const as = (groups: string, ...args: string[]) => {
      const who = ["setpriv", "--reuid", "4321", "--regid", "4321", "--groups", groups];
      const env = { HOME: "/tmp", XDG_CONFIG_HOME: "/nonexistent" };
      return carol.run([...who, `${root}/bin/ghostctl`, ...args], { codes: "any", env });
    };
    const member = await as("4242", "down");
    assert.deepEqual([member.code, member.stderr], [0, ""]);
    assert.equal((await status(carol)).state, "down");
    const other = await as("4321", "up");
    assert.equal(other.code, 3);
    assert.match(
      other.stderr,
      /May not talk to this daemon; run ghostctl as .* root, or as a member of its \[link\] group/,
    );
    assert.equal((await status(carol)).state, "down");
    assert.equal((await as("4242", "up")).code, 0);
    await waitFor("carol's peers", async () => (await peers(carol)).length === 2);
    assert.match((await as("4321", "peers")).stdout, /^alice /m);
    assert.equal((await as("4321", "keys", "rotate")).code, 3);
    assert.equal((await as("4242", "whoami")).code, 0);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

/** Carries out all of them before it complains of any. */
async function carryOutAll(net: Network, lines: readonly string[]): Promise<void> {
  const failed: string[] = [];
  for (const line of lines) {
    await carryOut(net, line).catch((error) => failed.push(String(error.message ?? error)));
  }
  assert.deepEqual(failed, []);
}

test("README's ghostctl lines can be typed", async (net) => {
  const lines = await readmeLines();
  const others = COMMANDS.flatMap((c) => c.examples).map((e) => e.line);
  await carryOutAll(net, lines.filter((line) => !others.includes(line)));
});

test("the sample of a program as a plugin says who can be reached", async (net) => {
  const alice = net.host("alice");
  await alice.run(["cp", `${PROJECT}/ctl/plugins/samples/ghostctl-reach`, "bin/"]);
  const reach = await alice.run(["ghostctl", "reach", "bob", "nobody"], { codes: "any" });
  assert.deepEqual([reach.code, reach.stdout], [1, "bob: reachable\nnobody: not reachable\n"]);
});

test("every example of the command table can be typed", async (net) => {
  await carryOutAll(net, ORDER);
  const known = [...EXAMPLES, ...await readmeLines()];
  assert.deepEqual(Object.keys(WAYS).filter((line) => !known.includes(line)), [], "each way belongs to an example");
});

test("an example that is carried out elsewhere is in the test that is named", async () => {
  for (const { examples, name } of COMMANDS) {
    for (const { elsewhere } of examples) {
      if (elsewhere === undefined) continue;
      const words = name.split(" ").map((word) => `"${word}"`).join(", ");
      // The verb comes first among the arguments of a list or of a call.
      const typed = new RegExp(`[[(](?:"ghostctl", )?${words}[,\\])]`);
      assert.match(await Deno.readTextFile(`${PROJECT}/${elsewhere.test}`), typed, elsewhere.test);
    }
  }
});
