/** A gate with two addresses on the port of web pages: what it tells of NATs, and who reaches it through the strictest UDP. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import { admit, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addHomes, addServers, ROUTER_A, ruleSet } from "../../scripts/lab/topology.ts";
import { addressOf, labTest } from "./support.ts";

labTest(
  "two addresses of a gate tell an address-dependent NAT; who may send UDP to port 443 alone has its session",
  async () => {
    await using lab = new Lab();
    const { coordinator: admin, gate } = await addServers(lab);
    await gate.run(["ip", "address", "add", "203.0.113.21/24", "dev", "eth0"]);
    const { alice, bob } = await addHomes(lab);
    // Instead of its own NAT's rules: one range of ports for even addresses, another one for odd ones.
    await lab.host("na").run(["nft", "flush", "ruleset"]);
    for (const rules of ["indrop", "adm_apdf"]) {
      await lab.host("na").run(["nft", "-D", `outer=${ROUTER_A}`, "-f", ruleSet(rules)]);
    }
    await lab.host("nb").run(["nft", "-f", ruleSet("udp_443")]);
    const config = '[relay]\nlisten = "0.0.0.0:443"\nuse_quic = true\nfallback = ["ice", "stun"]\n';
    await startNetwork(lab, admin, { gate: config });
    await admit(admin, [alice, bob]);
    type Check = { udp: boolean; ipv4: { mapping: string; certain: boolean }; verdict: string[] };
    const check = await alice.ctlJson<Check>(["netcheck"]);
    assert.equal(check.ipv4.mapping, "address-dependent", JSON.stringify(check));
    assert.match(check.verdict.join(), /every destination another port/);
    const { stdout } = await alice.run(["ping", "-c", "3", "-i", "0.2", await addressOf(alice, "bob")]);
    assert.match(stdout, / 0% packet loss/);
    await waitForRung(bob, "alice", "quic");
  },
);
