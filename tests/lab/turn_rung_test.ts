/**
 * The turn rung end to end: real daemons in networks that let nothing out but TCP 443, the gate's coturn, and the coordinator's
 * mailbox as the only other way.
 */
import assert from "node:assert/strict";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { admit, MESH_TOML, peers, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { buildHomes, COORDINATOR } from "../../scripts/lab/topology.ts";
import { fetchFile, serveFile } from "../../scripts/lab/transfer.ts";
import { addressOf, coturnOf, fixture, reaches } from "./support.ts";

const SERVER = `${COORDINATOR}:443`;

interface World {
  lab: Lab;
  host(name: string): Host;
  /** bob's address in the network. */
  bob: string;
}

async function make(): Promise<World> {
  const lab = new Lab();
  await buildHomes(lab, { alice: "only_443", bob: "only_443" });
  const host = (name: string) => lab.host(name);
  const mesh = MESH_TOML.replace(":7777", ":443");
  const { gate } = await startNetwork(lab, host("alice"), { mesh, server: SERVER });
  await gate.line(/ TURN /);
  await gate.line(/record published/);
  await admit(host("alice"), ["alice", "bob", "carol"].map(host), "--server", SERVER);
  await waitForRung(host("alice"), "bob", "turn");
  return { lab, host, bob: await addressOf(host("alice"), "bob") };
}

const world = fixture(make);

world("two machines that may only use TCP 443 meet over TLS at the gate's coturn, with real traffic", async (w) => {
  const { host, bob } = w;
  await waitForRung(host("bob"), "alice", "turn");
  const peer = (await peers(host("alice"))).find((p) => p.name === "bob")!;
  assert.match(peer.path.endpoint!, /^gate over TLS$/);
  const { stdout } = await host("alice").run(["ping", "-n", "-c", "300", "-i", "0.01", "-W", "3", bob]);
  assert.match(stdout, /300 packets transmitted, 300 received/);
  const { sha256, process } = await serveFile(host("bob"), 8_000_000);
  assert.equal((await fetchFile(host("alice"), bob)).sha256, sha256);
  await process.stop("SIGTERM", 3_000);
});

world(
  "one end that may only use TCP 443 and one on the open internet meet, and the open one sends by UDP",
  async (w) => {
    const { host } = w;
    await waitForRung(host("carol"), "alice", "turn");
    await waitForRung(host("alice"), "carol", "turn");
    const peer = (await peers(host("carol"))).find((p) => p.name === "alice")!;
    assert.equal(peer.path.endpoint, "gate over UDP");
    const carol = await addressOf(host("alice"), "carol");
    const { stdout } = await host("alice").run(["ping", "-n", "-c", "200", "-i", "0.01", "-W", "3", carol]);
    assert.match(stdout, /200 packets transmitted, 200 received/);
  },
);

world("coturn killed is started again, and the pair comes back by itself", async (w) => {
  const { host, bob } = w;
  const before = await coturnOf(host("gate"));
  await host("gate").run(["kill", "-9", String(before)]);
  await waitFor("another coturn", async () => ![0, before].includes(await coturnOf(host("gate"))));
  await reaches(host("alice"), bob);
  await waitForRung(host("alice"), "bob", "turn");
});

world(
  "attack: the walls around the gate's relay name what it must not reach, and come back when they are flushed",
  async (w) => {
    const { host } = w;
    const rules = async () => (await host("gate").sh("nft list table inet ghostgate_turn 2>/dev/null || true")).stdout;
    const before = await rules();
    for (const range of ["127.0.0.0/8", "10.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "192.168.0.0/16"]) {
      assert.ok(before.includes(range), range);
    }
    assert.match(before, /::ffff:0\.0\.0\.0\/96/);
    await host("gate").run(["nft", "delete", "table", "inet", "ghostgate_turn"]);
    await waitFor("the walls", async () => /chain egress/.test(await rules()));
  },
);

world("a machine whose UDP opens climbs off the relay, losing nothing", async (w) => {
  const { host } = w;
  const carol = await addressOf(host("alice"), "carol");
  const ping = new Ping(host("alice"), carol, 10);
  await ping.first();
  await host("na").run(["nft", "delete", "table", "ip", "strict"]);
  await waitForRung(host("alice"), "carol", "direct");
  await waitForRung(host("carol"), "alice", "direct");
  const result = await ping.stop(2_000);
  assert.deepEqual(result.lost, [], lossText(result));
});

world("a revoked machine's allocation ends at once, and the others come back by themselves", async (w) => {
  const { host, bob } = w;
  await waitForRung(host("bob"), "carol", "turn");
  const link = host("bob").processes.find((p) => / ghostlink/.test(p.name))!;
  const lost = () => link.lines.filter(({ text }) => /The address at a TURN server is gone/.test(text)).length;
  const [before, losses] = [await coturnOf(host("gate")), lost()];
  const pings = host("alice").spawn("ping", ["ping", "-n", "-i", "0.1", bob]); // what runs meanwhile delays nothing
  await host("alice").ctl(["nodes", "revoke", "carol"]);
  await waitFor("other credentials", async () => ![0, before].includes(await coturnOf(host("gate"))));
  await waitFor("all addresses to end", () => lost() > losses);
  await reaches(host("alice"), bob);
  await waitForRung(host("alice"), "bob", "turn");
  await pings.stop("SIGINT", 3_000);
  assert.equal((await peers(host("bob"))).some((p) => p.name === "carol"), false);
});

world("everything blocked but the coordinator: netcheck says so", async (w) => {
  const { host } = w;
  const { stdout: open } = await host("bob").ctl(["netcheck"]);
  assert.match(open, /TURN/);
  await host("gate").processes.find((p) => / ghostgate/.test(p.name))!.stop("SIGTERM", 10_000);
  assert.equal(
    (await host("gate").sh("nft list tables; pgrep --ns $$ --nslist net turnserver || true")).stdout.trim(),
    "",
  );
  const { stdout } = await host("bob").ctl(["netcheck"]);
  assert.match(stdout, /everything but the coordinator's HTTPS is blocked/);
});
