/** Host firewalls that let nothing in but answers: checks leave from the tunnel's own port, so pairs are direct all the same. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { admit, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addBehindNat, addServers, plug } from "../../scripts/lab/topology.ts";
import { addressOf, labTest } from "./support.ts";

/** What a careful admin types: no port is open, and the overlay's interface is trusted. */
const FIREWALL = `table inet hostfw {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { "lo", "ghost0" } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
  }
}
`;

/** Two machines with that firewall, started; resolves when they are direct, with the loss on the way there. */
async function meetDirectly(lab: Lab): Promise<{ endpoint: string; lost: readonly number[]; text: string }> {
  const [alice, bob] = [lab.host("alice"), lab.host("bob")];
  for (const host of [alice, bob]) await host.run(["nft", "-f", "-"], { stdin: FIREWALL });
  await startNetwork(lab, alice);
  await admit(alice, [alice, bob]);
  const ping = new Ping(alice, await addressOf(alice, "bob"), 10);
  await ping.first();
  const { path } = await waitForRung(alice, "bob", "direct");
  await waitForRung(bob, "alice", "direct");
  const result = await ping.stop(2_000);
  return { endpoint: path.endpoint!, lost: result.lost, text: lossText(result) };
}

labTest(
  "IPv4: two home routers and host firewalls without an open port are direct, and the climb loses nothing",
  async () => {
    await using lab = new Lab();
    await addServers(lab);
    await addBehindNat(lab, "alice", { router: "na", address: "203.0.113.2", lan: "10.9.1", nat: "eim_apdf" });
    await addBehindNat(lab, "bob", { router: "nb", address: "203.0.113.3", lan: "10.9.2", nat: "eim_apdf" });
    const { endpoint, lost, text } = await meetDirectly(lab);
    assert.match(endpoint, /^203\.0\.113\.3:/);
    assert.deepEqual(lost, [], text);
  },
);

labTest(
  "IPv6: symmetric NATs on IPv4, so the pair is direct over IPv6, through host firewalls without an open port, and the climb loses nothing",
  async () => {
    await using lab = new Lab();
    await addServers(lab);
    for (const [i, name] of ["alice", "bob"].entries()) {
      const host = await addBehindNat(lab, name, {
        router: `n${name}`,
        address: `203.0.113.${2 + i}`,
        lan: `10.9.${1 + i}`,
        nat: "apdm_apdf",
      });
      await plug(lab, host, "wan6", `2001:db8:6::${2 + i}`);
    }
    const { endpoint, lost, text } = await meetDirectly(lab);
    assert.match(endpoint, /^\[2001:db8:6::3\]:/);
    assert.deepEqual(lost, [], text);
  },
);
