/**
 * A machine in two networks, one of which has an exit node in use: what the other one needs goes past it, and nothing else.
 *
 *     alice (ghost0: carol; ghost1: erin) -- na -- inet -- carol (exit node), erin, web, the two coordinators
 */
import assert from "node:assert/strict";
import type { LocalPeer, LocalStatus } from "../../mesh/wire/local.ts";
import type { Host } from "../../scripts/lab/lab.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { createToken, initNetwork, joinLink, setupCode, startMesh } from "../../scripts/lab/programs.ts";
import { addPublic, CAROL, ROUTER_A } from "../../scripts/lab/topology.ts";
import { CAROL_6, exitWorld } from "./exit_world.ts";
import { fixture } from "./support.ts";

const MESH_2 = "203.0.113.11";
const SOCKET = "/run/second/ghostlink.sock";
/** What a second daemon of a machine is given. */
const SECOND = ["--state-dir", "/run/second/state", "--socket", SOCKET, "--config", "second.toml"];

const test = fixture(async () => {
  const net = await exitWorld();
  const alice = net.host("alice");
  const [mesh, erin] = [await addPublic(net.lab, "mesh2", MESH_2), await addPublic(net.lab, "erin", "203.0.113.40")];
  const code = await setupCode(await startMesh(mesh));
  await initNetwork(erin, code, { server: MESH_2 });
  const token = await createToken(erin, "--uses", "2");
  const there = joinLink(erin, token, "--server", MESH_2);
  // The resolver's address is the same in both networks: one of them has it.
  await alice.write("second.toml", '[link]\ninterface = "ghost1"\nport = 0\ndns = false\n');
  await alice.sh("mkdir -m 700 /run/second");
  const here = joinLink(alice, token, "--server", MESH_2, ...SECOND);
  await Promise.all([here, there].map((link) => link.line(/ is up: /)));
  return { lab: net.lab, net, alice, second: here };
});

/** Asks the second daemon. */
async function second<T>(alice: Host, ...args: string[]): Promise<T> {
  return await alice.ctlJson<T>(args, { env: { GHOSTLINK_SOCKET: SOCKET } });
}

/** Waits until alice has a path to erin, follows the second coordinator, and pings erin over both families. */
async function secondWorks(alice: Host): Promise<void> {
  const erin = await waitFor("a path to erin", async () => {
    const [peer] = (await second<{ peers: LocalPeer[] }>(alice, "peers")).peers;
    return peer?.path.rung === "direct" && peer;
  });
  await waitFor("the second coordinator", async () => (await second<LocalStatus>(alice, "status")).network.connected);
  for (const address of erin.addresses) {
    const ping = ["ping", "-c", "1", "-W", "1", address.replace(/\/.*/, "")];
    await waitFor(`erin at ${address}`, async () => (await alice.run(ping, { codes: "any" })).code === 0);
  }
}

async function rules(alice: Host): Promise<string> {
  return (await alice.sh("ip -4 rule; ip -6 rule")).stdout;
}

test("an exit node of one network leads nothing of the other's, not even with the kill switch, and leaks nothing", async (world) => {
  const { net, alice } = world;
  await net.offered({ ipv4: true, ipv6: true });
  await secondWorks(alice);
  const before = await rules(alice);
  const leaks = await net.leaks();
  await alice.ctl(["exit-node", "use", "carol", "--kill-switch"]);
  await net.sees(alice, 4, CAROL);
  await net.sees(alice, 6, CAROL_6);
  await secondWorks(alice);

  const refused = await alice.ctl(["exit-node", "use", "erin"], {
    codes: "any",
    env: { GHOSTLINK_SOCKET: SOCKET },
  });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Another network of this machine \(tunnel ghost0\) uses an exit node.*exit-node none/s);

  // All of its sockets are others now, and nothing of them was known before.
  await world.second.stop("SIGTERM");
  await net.sees(alice, 4, CAROL);
  world.second = alice.spawn("ghostlink", ["ghostlink", "run", ...SECOND]);
  await world.second.line(/ is up: /);
  await secondWorks(alice);
  await net.sees(alice, 6, CAROL_6);
  assert.equal(await net.leaks(), leaks);

  await alice.ctl(["exit-node", "none"]);
  await net.sees(alice, 4, ROUTER_A);
  await waitFor("the rules of before", async () => await rules(alice) === before);
  await secondWorks(alice);
});
