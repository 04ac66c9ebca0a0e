/**
 * A world with an internet of both families, an exit node and somebody at home:
 *
 *     alice -- na (home router) -- inet -- carol (exit node), web (tells who asks)
 *
 * Whatever alice sends to web without the tunnel passes na, which counts it.
 */
import assert from "node:assert/strict";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { createToken, joinLink, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addBehindNat, addPublic, addServers, CAROL, ROUTER_A } from "../../scripts/lab/topology.ts";
import { helper } from "./support.ts";

export const WEB = { 4: "203.0.113.80", 6: "2001:db8:1::80" } as const;
export const CAROL_6 = "2001:db8:1::30";
const ALICE_6 = "2001:db8:9::2";
export const ROUTER_LAN = "10.9.1.1";

export const ACLS = `[tags]
exit = []
[routes]
exit = ["tag:exit"]
[[allow]]
from = ["*"]
to = ["*", "internet"]
`;

/** The world and what tests ask of it. */
export interface ExitWorld {
  lab: Lab;
  host(name: string): Host;
  /** Who web sees when this host asks; "" when it gets no answer. */
  seen(host: Host, family: 4 | 6): Promise<string>;
  /** Waits until web sees `who` when this host asks. */
  sees(host: Host, family: 4 | 6, who: string): Promise<void>;
  /** Packets from alice to web that took the way of before. */
  leaks(): Promise<number>;
  /** Waits until carol can be used as an exit node of these families. */
  offered(families: { ipv4: boolean; ipv6: boolean }): Promise<void>;
}

/** The daemon that was started last on a host. */
export function ghostlinkOf(host: Host): Process {
  return host.processes.findLast(({ name }) => name.includes("ghostlink"))!;
}

/** The world with all programs running; carol offers itself. */
export async function exitWorld(acls = ACLS): Promise<ExitWorld> {
  const lab = new Lab();
  await addServers(lab);
  const web = await addPublic(lab, "web", WEB[4]);
  const carol = await addPublic(lab, "carol", CAROL);
  const alice = await addBehindNat(lab, "alice", { router: "na", address: ROUTER_A, lan: "10.9.1", nat: "eim_apdf" });
  const na = lab.host("na");
  await web.sh(`ip -6 address add ${WEB[6]}/64 dev eth0 nodad; ip -6 route add 2001:db8:9::/64 via 2001:db8:1::2`);
  await carol.sh(`ip -6 address add ${CAROL_6}/64 dev eth0 nodad; ip -6 route add 2001:db8:9::/64 via 2001:db8:1::2
    ip route add default via ${WEB[4]}; ip -6 route add default via ${WEB[6]}`);
  await na.sh(`ip -6 address add 2001:db8:1::2/64 dev wan0 nodad; ip -6 address add 2001:db8:9::1/64 dev lan1 nodad
    sysctl -qw net.ipv6.conf.all.forwarding=1
    nft 'table inet leaks { chain seen { type filter hook forward priority 0;
      iifname lan1 ip daddr ${WEB[4]} counter; iifname lan1 ip6 daddr ${WEB[6]} counter; }; }'`);
  await alice.sh(`ip -6 address add ${ALICE_6}/64 dev eth0 nodad; ip -6 route add default via 2001:db8:9::1`);
  await helper(web, "who_asks").line(/serving/);

  await startNetwork(lab, alice, { acls });
  const exitToken = await createToken(alice, "--tag", "tag:exit");
  const links = [joinLink(alice, await createToken(alice)), joinLink(carol, exitToken)];
  await Promise.all(links.map((link) => link.line(/ is up: /)));
  await waitForRung(alice, "carol", "direct");
  assert.match((await carol.ctl(["exit-node", "offer", "on"])).stdout, /exit node for IPv4 and IPv6/);

  const seen = async (host: Host, family: 4 | 6) => {
    const url = `http://${family === 6 ? `[${WEB[6]}]` : WEB[4]}/`;
    return (await host.run(["curl", "-s", "--max-time", "3", url], { codes: "any" })).stdout.trim();
  };
  const sees = async (host: Host, family: 4 | 6, who: string) => {
    await waitFor(`web to see ${who || "nobody"}`, async () => await seen(host, family) === who);
  };
  const leaks = async () => {
    const { stdout } = await na.run(["nft", "list", "table", "inet", "leaks"]);
    return [...stdout.matchAll(/packets (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  const offered = async ({ ipv4, ipv6 }: { ipv4: boolean; ipv6: boolean }) => {
    await waitFor(`carol as an exit node of ${JSON.stringify({ ipv4, ipv6 })}`, async () => {
      const { exits } = await alice.ctlJson<{ exits: { ipv4: boolean; ipv6: boolean }[] }>(["exit-node", "list"]);
      return exits.length === 1 && exits[0]!.ipv4 === ipv4 && exits[0]!.ipv6 === ipv6;
    });
  };
  return { lab, host: (name) => lab.host(name), seen, sees, leaks, offered };
}
