/** ghostctl at a running daemon: up and down, waiting, events, who is who, people who are not root, and leaving. */
import assert from "node:assert/strict";
import { waitFor } from "../../scripts/lab/process.ts";
import type { Host } from "../../scripts/lab/lab.ts";
import { peers, status } from "../../scripts/lab/programs.ts";
import { addressOf, fixture, homes, reaches } from "./support.ts";

const test = fixture(homes);

/** ghostctl with any exit code. */
async function ctl(host: Host, ...args: string[]) {
  return await host.run(["ghostctl", ...args], { codes: "any" });
}

test("whois and whoami say who a machine is, from its signed record", async (net) => {
  const alice = net.host("alice");
  const bob = await addressOf(alice, "bob");
  const answer = JSON.parse((await ctl(alice, "whois", `${bob}:22`, "--json")).stdout);
  assert.deepEqual([answer.name, answer.self, answer.method, answer.addresses.includes(bob)], [
    "bob",
    false,
    "static",
    true,
  ]);
  const self = JSON.parse((await ctl(alice, "whoami", "--json")).stdout);
  assert.deepEqual([self.name, self.self, self.id], ["alice", true, (await status(alice)).self.id]);
  const nobody = await ctl(alice, "whois", "nobody");
  assert.deepEqual([nobody.code, /Nobody is "nobody"; ghostctl peers/.test(nobody.stderr)], [1, true]);
});

test("wait tells scripts by its exit code", async (net) => {
  const alice = net.host("alice");
  assert.equal((await ctl(alice, "wait")).code, 0);
  assert.equal((await ctl(alice, "wait", "bob", "--for", "direct")).code, 0);
  const vain = await ctl(alice, "wait", "nobody", "--timeout", "1s");
  assert.deepEqual([vain.code, vain.stdout], [4, 'not yet: no peer "nobody"\n']);
  assert.equal((await ctl(alice, "wait", "bob", "--for", "lunch")).code, 2);
});

test("down takes everything off the machine and stays so, up brings it back, and events tell both", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const address = await addressOf(alice, "bob");
  const { interface: iface } = (await status(bob)).self;
  assert.match((await ctl(bob, "down")).stdout, /the tunnel is down until: ghostctl up/);
  assert.notEqual((await bob.run(["ip", "link", "show", iface], { codes: "any" })).code, 0);
  assert.equal((await status(bob)).state, "down");
  const peersDown = await ctl(bob, "peers");
  assert.deepEqual([peersDown.code, peersDown.stderr], [1, "ghostctl: The tunnel is down; type: ghostctl up\n"]);
  assert.equal(JSON.parse((await ctl(bob, "down", "--json")).stdout).changed, false);
  assert.ok(net.links.bob.running);
  const up = await ctl(bob, "up");
  assert.deepEqual([up.code, up.stdout], [0, "the tunnel is up\n"], up.stderr);
  assert.equal((await ctl(bob, "wait", "alice", "--for", "direct")).code, 0);
  await reaches(alice, address);
  const told = (await ctl(bob, "events", "--kind", "state", "--last", "500", "--once", "--json")).stdout;
  const states = told.trim().split("\n").map((line) => JSON.parse(line).data.state);
  assert.deepEqual(states.slice(-3), ["up", "down", "up"]);
  assert.match((await ctl(bob, "logs", "--last", "1000")).stdout, / info ghostlink: Running /);
});

test("others on the machine read status and peers at a socket that changes nothing", async (net) => {
  const alice = net.host("alice");
  const other = async (socket: string, path: string, ...options: string[]) => {
    const argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "curl", "-s", "--unix-socket"];
    const output = await alice.run([...argv, socket, ...options, `http://ghostlink${path}`], { codes: "any" });
    return output.code === 0 ? JSON.parse(output.stdout) : { refused: true };
  };
  const read = "/run/ghostlink/read.sock";
  const names = (await peers(alice)).map((p) => p.name);
  assert.deepEqual((await other(read, "/v1/peers")).peers.map((p: { name: string }) => p.name), names);
  assert.equal((await other(read, "/v1/status")).self.name, "alice");
  for (const path of ["/v1/down", "/v1/leave", "/v1/settings", "/v1/keys/rotate", "/v1/join"]) {
    assert.equal((await other(read, path, "-X", "POST", "-d", "{}")).code, "not_found", path);
    assert.deepEqual(await other("/run/ghostlink/ghostlink.sock", path, "-X", "POST", "-d", "{}"), { refused: true });
  }
  assert.equal((await other(read, "/v1/firewall")).backend, "nft");
  for (const path of ["/v1/firewall/log", "/v1/logs", "/v1/events", "/v1/whois", "/v1/ledger"]) {
    assert.equal((await other(read, path)).code, "not_found", path);
  }
  assert.equal((await status(alice)).state, "up");
});

test("set gives a machine another name everywhere, and refuses one that is taken", async (net) => {
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  const taken = await ctl(carol, "set", "--name", "bob");
  assert.deepEqual([taken.code, /Another machine is called "bob"/.test(taken.stderr)], [1, true]);
  assert.equal(JSON.parse((await ctl(carol, "set", "--name", "cloud", "--json")).stdout).name, "cloud");
  await waitFor("alice to see the name", async () => (await peers(alice)).some((p) => p.name === "cloud"));
});

test("an admin renames, tags, vouches for and ends a machine, each for itself", async (net) => {
  const alice = net.host("alice");
  const json = async (...args: string[]) => {
    const ended = await ctl(alice, ...args, "--json");
    assert.equal(ended.code, 0, ended.stderr);
    return JSON.parse(ended.stdout);
  };
  assert.equal((await json("nodes", "expire", "cloud", "never")).changed, false, "it has no end already");
  assert.equal((await json("nodes", "approve", "cloud")).changed, true);
  assert.equal((await json("nodes", "approve", "cloud")).changed, false);
  assert.deepEqual((await json("nodes", "tag", "cloud", "--add", "tag:web")).tags, ["tag:web"]);
  assert.equal((await json("nodes", "rename", "cloud", "carol")).newName, "carol");
  assert.equal((await json("nodes", "expire", "carol", "30d")).changed, true);
  const shown = await json("nodes", "show", "carol");
  assert.deepEqual([shown.name, shown.tags, shown.vouched, shown.ends !== null], ["carol", ["tag:web"], true, true]);
  await json("nodes", "expire", "carol", "never");
  assert.deepEqual([(await json("nodes", "show", "carol")).ends, (await json("nodes", "show", "carol")).tags], [null, [
    "tag:web",
  ]]);
});

test("leave takes a machine out for everybody, and join lets it in again as itself", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const { id } = (await status(bob)).self;
  assert.equal((await ctl(bob, "leave")).code, 2);
  const left = await ctl(bob, "leave", "--yes", "--json");
  assert.equal(left.code, 0, left.stderr);
  assert.deepEqual(JSON.parse(left.stdout), { version: 1, name: "bob", told: true, was: "member" });
  await waitFor("alice to see bob go", async () => !(await peers(alice)).some((p) => p.name === "bob"));
  for (const verb of ["up", "down", "peers", "whoami"]) {
    assert.match((await ctl(bob, verb)).stderr, /has not joined a network; type: ghostctl join/, verb);
  }
  const token = (await ctl(alice, "token", "create")).stdout.trim();
  const joined = await bob.run(["ghostctl", "join", "--auth", "-", "--name", "bob", "--json"], { stdin: token });
  assert.equal(JSON.parse(joined.stdout).id, id);
  assert.equal((await ctl(bob, "wait", "alice")).code, 0);
});
