/** A gate with two addresses on the port of web pages: what it tells of NATs, and who reaches it through the strictest UDP. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import {
  createToken,
  initNetwork,
  joinLink,
  setupCode,
  startGate,
  startMesh,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import {
  addBehindNat,
  addInternet,
  addPublic,
  COORDINATOR,
  GATE,
  ROUTER_A,
  ROUTER_B,
  ruleSet,
} from "../../scripts/lab/topology.ts";
import { addressOf, labTest } from "./support.ts";

labTest(
  "two addresses of a gate tell an address-dependent NAT; who may send UDP to port 443 alone has its session",
  async () => {
    await using lab = new Lab();
    await addInternet(lab);
    const admin = await addPublic(lab, "coordinator", COORDINATOR);
    const gate = await addPublic(lab, "gate", GATE);
    await gate.run(["ip", "address", "add", "203.0.113.21/24", "dev", "eth0"]);
    const home = (name: string, router: string, address: string, lan: string) =>
      addBehindNat(lab, name, { router, address, lan, nat: "eim_apdf" });
    const alice = await home("alice", "na", ROUTER_A, "10.9.1");
    const bob = await home("bob", "nb", ROUTER_B, "10.9.2");
    // Instead of its own NAT's rules: one range of ports for even addresses, another one for odd ones.
    await lab.host("na").run(["nft", "flush", "ruleset"]);
    for (const rules of ["indrop", "adm_apdf"]) {
      await lab.host("na").run(["nft", "-D", `outer=${ROUTER_A}`, "-f", ruleSet(rules)]);
    }
    await lab.host("nb").run(["nft", "-f", ruleSet("udp_443")]);
    await initNetwork(admin, await setupCode(await startMesh(admin)));
    const config = '[relay]\nlisten = "0.0.0.0:443"\nuse_quic = true\nfallback = ["ice", "stun"]\n';
    await startGate(gate, { token: await createToken(admin, "--gate"), config });
    const token = await createToken(admin, "--uses", "2");
    for (const host of [alice, bob]) await joinLink(host, token).line(/ is up: /);
    type Check = { udp: boolean; ipv4: { mapping: string; certain: boolean }; verdict: string[] };
    const check = await alice.ctlJson<Check>(["netcheck"]);
    assert.equal(check.ipv4.mapping, "address-dependent", JSON.stringify(check));
    assert.match(check.verdict.join(), /every destination another port/);
    const { stdout } = await alice.run(["ping", "-c", "3", "-i", "0.2", await addressOf(alice, "bob")]);
    assert.match(stdout, / 0% packet loss/);
    await waitForRung(bob, "alice", "quic");
  },
);
