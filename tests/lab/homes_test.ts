/** Two homes behind NATs, a public node with an office behind it: what the demo shows, as tests, with the real programs. */
import assert from "node:assert/strict";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import {
  createToken,
  ipv4Of,
  joinAll,
  joinLink,
  peers,
  startGate,
  startMesh,
  startNetwork,
  status,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import { blockUdp, OFFICE, PRINTER, ROUTER_B, unblockUdp } from "../../scripts/lab/topology.ts";
import { fetchFile, serveFile } from "../../scripts/lab/transfer.ts";
import { addressOf, connected, emptyHomes, fixture, type Network, reaches } from "./support.ts";

/** Everything up except bob, so that the tests see his first packet. */
async function homesWithoutBob(): Promise<
  Omit<Network, "links"> & { token: string; links: Partial<Network["links"]> }
> {
  const lab = await emptyHomes();
  const host = (name: string) => lab.host(name);
  const servers = await startNetwork(lab, host("alice"));
  const token = await createToken(host("alice"), "--uses", "3");
  const [alice, carol] = await joinAll([host("alice"), host("carol")], token);
  await connected(host("alice"));
  return { lab, ...servers, links: { alice: alice!, carol: carol! }, host, token };
}

const test = fixture(homesWithoutBob);

test("the first ping goes through the gate at once, and the climb to direct loses nothing", async (net) => {
  const alice = net.host("alice");
  await blockUdp(net.host("na"), ROUTER_B); // so that the first answer can only have come through the gate
  const bob = net.links.bob = joinLink(net.host("bob"), net.token);
  const up = await bob.line(/ is up: ([^ ,]+)/);
  await net.links.alice!.line(/^bob: quic/);
  const ping = new Ping(alice, up.match[1]!);
  await ping.first();
  await unblockUdp(net.host("na"));
  await net.links.alice!.line(/^bob: direct/);
  await bob.line(/^alice: direct/);
  const result = await ping.stop(2000);
  assert.deepEqual(result.lost, [], lossText(result));
});

test("direct means that no packet crosses the gate", async (net) => {
  const peer = await waitForRung(net.host("alice"), "bob", "direct");
  assert.match(peer.path.endpoint ?? "", /^203\.0\.113\.3:\d+$/);
  const count = async () => Number((await net.host("gate").sh("cat /sys/class/net/eth0/statistics/rx_bytes")).stdout);
  const before = await count();
  await net.host("alice").run(["ping", "-q", "-c", "500", "-i", "0.002", "-s", "1000", ipv4Of(peer.addresses)]);
  assert.ok(await count() - before < 100_000);
});

test("a file comes through the tunnel unchanged", async (net) => {
  const { sha256, process } = await serveFile(net.host("bob"), 20_000_000);
  try {
    const got = await fetchFile(net.host("alice"), await addressOf(net.host("alice"), "bob"));
    assert.equal(got.sha256, sha256);
    const bob = (await peers(net.host("alice"))).find((p) => p.name === "bob")!;
    const ipv6 = bob.addresses.find((address) => address.includes(":"))!;
    assert.equal((await fetchFile(net.host("alice"), ipv6)).sha256, sha256);
  } finally {
    await process.stop();
  }
});

test("ghostctl route add opens a subnet behind a node, route remove closes it", async (net) => {
  const alice = net.host("alice");
  const ping = ["ping", "-c", "1", "-W", "1", PRINTER];
  assert.notEqual((await alice.run(ping, { codes: "any" })).code, 0);
  await alice.ctl(["route", "add", OFFICE, "via", "carol"]);
  await reaches(alice, PRINTER);
  const { routes } = await alice.ctlJson<{ routes: { prefix: string; via: string; active: boolean }[] }>([
    "route",
    "list",
  ]);
  assert.deepEqual(routes.map(({ prefix, via, active }) => ({ prefix, via, active })), [
    { prefix: OFFICE, via: "carol", active: true },
  ]);
  await alice.ctl(["route", "remove", OFFICE]);
  await waitFor("the route to go", async () => (await alice.run(ping, { codes: "any" })).code !== 0);
});

test("ghostctl route add warns when no rule uses the route", async (net) => {
  const { stderr, stdout } = await net.host("alice").ctl(["route", "add", "10.77.0.0/16", "via", "carol"]);
  assert.match(stdout + stderr, /no (?:policy )?rule/i);
  await net.host("alice").ctl(["route", "remove", "10.77.0.0/16"]);
});

test("ghostctl keys rotate changes the key and loses nothing", async (net) => {
  const alice = net.host("alice");
  const { interface: iface } = (await status(alice)).self;
  const key = async () => (await alice.run(["wg", "show", iface, "public-key"])).stdout.trim();
  const before = await key();
  const ping = new Ping(alice, await addressOf(alice, "bob"));
  await ping.first();
  await alice.ctl(["keys", "rotate"]);
  await waitFor("the new key", async () => await key() !== before);
  const result = await ping.stop(2500);
  assert.deepEqual(result.lost, [], lossText(result));
  await waitForRung(alice, "bob", "direct");
});

test("gate and coordinator killed: direct pairs do not notice, and both come back by themselves", async (net) => {
  const alice = net.host("alice");
  const before = await status(alice);
  const ping = new Ping(alice, await addressOf(alice, "bob"), 10);
  await ping.first();
  await net.gate.stop("SIGKILL");
  await waitFor("alice to miss the gate", async () => !(await status(alice)).gates.some((gate) => gate.connected));
  await net.mesh.stop("SIGKILL");
  await waitFor("alice to miss the coordinator", async () => !(await status(alice)).network.connected);
  assert.equal((await peers(alice)).find((p) => p.name === "bob")?.path.rung, "direct");
  net.mesh = await startMesh(net.host("coordinator"));
  net.gate = await startGate(net.host("gate"));
  await connected(alice);
  await connected(net.host("bob"));
  const result = await ping.stop(500);
  assert.deepEqual(result.lost, [], lossText(result));
  assert.equal((await status(alice)).network.ledgerSeq, before.network.ledgerSeq);
});

test("the coordinator restarted by SIGTERM keeps everything, and the daemons follow it again", async (net) => {
  const alice = net.host("alice");
  const nodes = async () =>
    (await alice.ctlJson<{ nodes: { id: string }[] }>(["nodes", "list"])).nodes.map((n) => n.id).sort();
  const before = await nodes();
  assert.equal(before.length, 3);
  assert.equal((await net.mesh.stop("SIGTERM")).code, 0);
  net.mesh = await startMesh(net.host("coordinator"));
  await waitFor("alice to follow again", async () => (await status(alice)).network.connected);
  assert.deepEqual(await nodes(), before);
});
