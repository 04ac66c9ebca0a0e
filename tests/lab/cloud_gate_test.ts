/** A gate at a cloud: its interface has a private address, and a one-to-one NAT gives it the public one that it advertises. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import { Ping } from "../../scripts/lab/ping.ts";
import { admit, GATE_TOML, MESH_TOML, peers, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import {
  addBehindNat,
  addInternet,
  addPublic,
  attach,
  COORDINATOR,
  GATE,
  plug,
  ruleSet,
} from "../../scripts/lab/topology.ts";
import { addressOf, labTest } from "./support.ts";

const SERVER = `${COORDINATOR}:443`;

labTest("a gate behind a one-to-one NAT: lanes, and TURN for who may only use TCP 443", async () => {
  await using lab = new Lab();
  await addInternet(lab);
  await addPublic(lab, "coordinator", COORDINATOR);
  const router = await lab.addHost("cloud");
  await plug(lab, router, "wan0", GATE);
  const host = await lab.addHost("gate");
  await attach(lab, host, router, "10.9.9");
  await router.sh("sysctl -qw net.ipv4.ip_forward=1");
  await router.run(["nft", "-D", `outer=${GATE}`, "-D", "client=10.9.9.2", "-f", ruleSet("one_to_one")]);
  const home = (name: string, n: number, nat: "only_443" | "apdm_apdf") =>
    addBehindNat(lab, name, { router: `r${name}`, address: `203.0.113.${n}`, lan: `10.9.${n}`, nat });
  const [alice, bob, carol] = [
    await home("alice", 2, "only_443"),
    await home("bob", 3, "apdm_apdf"),
    await home("carol", 4, "apdm_apdf"),
  ];
  const { gate } = await startNetwork(lab, alice, {
    server: SERVER,
    mesh: MESH_TOML.replace(":7777", ":443"),
    gate: `${GATE_TOML}advertise = ["${GATE}"]\n`,
  });
  await gate.line(/ TURN .*addresses=10\.9\.9\.2 outside=203\.0\.113\.20/);
  await gate.line(/record published/);
  await admit(alice, [alice, bob, carol], "--server", SERVER);
  await waitForRung(alice, "bob", "turn");
  const data = new Ping(bob, await addressOf(bob, "carol"), 50); // an idle pair asks for no lane
  await waitForRung(bob, "carol", "lane");
  await data.stop();
  for (const [from, name] of [[alice, "bob"], [bob, "alice"], [bob, "carol"]] as const) {
    const { stdout } = await from.run([
      "ping",
      "-n",
      "-c",
      "100",
      "-i",
      "0.01",
      "-W",
      "3",
      await addressOf(from, name),
    ]);
    assert.match(stdout, /100 packets transmitted, 100 received/);
  }
  const rung = (await peers(alice)).find((p) => p.name === "bob")!.path;
  assert.deepEqual([rung.rung, rung.endpoint], ["turn", "gate over TLS"]);
});
