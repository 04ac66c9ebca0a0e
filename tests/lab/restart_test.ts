/** The daemon's own ends and beginnings: a clean exit, a crash, a start without coordinator and gate. */
import assert from "node:assert/strict";
import { waitFor } from "../../scripts/lab/process.ts";
import {
  createToken,
  joinLink,
  peers,
  runLink,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import { run } from "../../scripts/lib/run.ts";
import { addressOf, connected, fixture, homes, reaches, snapshot } from "./support.ts";

const test = fixture(homes);

test("SIGTERM takes away what the daemon made, but what keeps a restart from leaking, and nothing else", async (net) => {
  const bob = net.host("bob");
  await bob.sh("nft add table inet mine; nft add chain inet mine keep; ip link add other0 type veth peer name other1");
  const { interface: iface } = (await status(bob)).self;
  assert.equal((await net.links.bob.stop("SIGTERM")).code, 0);
  const after = await snapshot(bob);
  assert.doesNotMatch(after, new RegExp(`^${iface}`, "m"));
  assert.doesNotMatch(after, /table \S+ ghost/);
  assert.match(after, /table inet mine/);
  assert.match(after, /^other0/m);
  const routes = after.split("\n").filter((line) => / proto 207 /.test(line));
  assert.deepEqual(routes.filter((line) => !line.startsWith("unreachable ")), []);
  assert.ok(routes.length >= 4, "the /48, two machines, the own address");
  assert.equal((await bob.run(["test", "-e", "/run/ghostlink/ghostlink.sock"], { codes: "any" })).code, 1);
  const left = (await run(["ip", "netns", "pids", "bob"])).stdout.trim().split("\n").map(Number);
  assert.deepEqual(left, [bob.keeper]);
});

test("ghostlink run starts from the saved state", async (net) => {
  net.links.bob = runLink(net.host("bob"));
  await net.links.bob.line(/ is up: /);
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
  await waitForRung(net.host("alice"), "bob", "direct");
});

test("a crash's leftovers are taken over on the next start", async (net) => {
  const bob = net.host("bob");
  await net.links.bob.stop("SIGKILL");
  net.links.bob = runLink(bob);
  await net.links.bob.line(/ is up: /);
  await waitForRung(bob, "alice", "direct");
  await reaches(bob, await addressOf(bob, "alice"));
  const tables = (await bob.run(["nft", "list", "tables"])).stdout.match(/ghost/g) ?? [];
  const running = (await net.host("alice").run(["nft", "list", "tables"])).stdout.match(/ghost/g) ?? [];
  assert.equal(tables.length, running.length);
});

test("ghostlink run starts with the coordinator away, and peers talk", async (net) => {
  const bob = net.host("bob");
  await net.mesh.stop("SIGKILL");
  await net.links.bob.stop("SIGTERM");
  net.links.bob = runLink(bob);
  await net.links.bob.line(/ is up: /);
  await reaches(bob, await addressOf(bob, "alice"));
  assert.equal((await status(bob)).network.connected, false);
  net.mesh = await startMesh(net.host("coordinator"));
  await connected(bob);
});

test("a gate restarted without a token serves again", async (net) => {
  assert.equal((await net.gate.stop("SIGTERM")).code, 0);
  net.gate = await startGate(net.host("gate"));
  for (const name of ["alice", "bob", "carol"]) await connected(net.host(name));
});

test("ghostlink join asks a daemon that runs, and joining twice is no error", async (net) => {
  const alice = net.host("alice");
  const before = (await status(alice)).self;
  const token = await createToken(alice, "--uses", "2");
  const again = joinLink(alice, token);
  assert.equal((await again.ended).code, 0, again.text);
  assert.match(again.text, /joined as alice/);
  assert.deepEqual((await status(alice)).self, before);
  assert.ok(net.links.alice.running);
});

test("ghostctl peers and ping tell the path", async (net) => {
  const alice = net.host("alice");
  const table = (await alice.ctl(["peers"])).stdout;
  assert.match(table, /bob.*direct/);
  const ping = await alice.ctlJson<{ replies: { rttMs: number | null; rung: string }[] }>([
    "ping",
    "bob",
    "--count",
    "2",
  ]);
  assert.deepEqual(ping.replies.map((reply) => reply.rung), ["direct", "direct"]);
  assert.ok(ping.replies.every((reply) => reply.rttMs !== null));
  const bob = (await peers(alice)).find((p) => p.name === "bob");
  assert.equal(bob?.online, true);
});

test("a second daemon on the same state folder is refused", async (net) => {
  const second = runLink(net.host("alice"), "--socket", "/run/home/other/ghostlink.sock");
  const { code } = await second.ended;
  assert.equal(code, 1);
  assert.match(second.text, /Another ghostlink/);
  await waitFor("alice to be well", async () => (await status(net.host("alice"))).network.connected);
});
