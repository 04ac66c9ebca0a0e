/**
 * Rows 13 and 14: what routes and exit nodes open, and what gets past an exit node in use. The attacker is a member with all its
 * own powers: alice sends whatever she likes through an exit node that policy lets her use.
 */
import assert from "node:assert/strict";
import { waitFor } from "../../../scripts/lab/process.ts";
import { CAROL } from "../../../scripts/lab/topology.ts";
import { ACLS, CAROL_6, exitWorld, WEB } from "../../lab/exit_world.ts";
import { fixture, helper } from "../../lab/support.ts";

/** A private network that carol announces without approval, and one that nobody announces. */
const UNAPPROVED = "10.66.0.0/16";

/** A prefix that a rule names is still no route: nobody has approved it. */
const acls = ACLS.replace('to = ["*", "internet"]', `to = ["*", "internet", "${UNAPPROVED}"]`);

const test = fixture(async () => {
  const net = await exitWorld(acls);
  const [alice, carol] = [net.host("alice"), net.host("carol")];
  const inside = await net.lab.addHost("inside");
  await net.lab.connect(carol, "lan1", inside, "eth0");
  await carol.sh("ip address add 10.66.0.1/16 dev lan1; ip address add 192.168.7.1/24 dev lan1");
  await inside.sh(
    "ip address add 10.66.0.2/16 dev eth0; ip address add 192.168.7.2/24 dev eth0; ip route add default via 10.66.0.1",
  );
  for (const host of [inside, carol]) await helper(host, "who_asks", host.name).line(/serving/);
  await net.offered({ ipv4: true, ipv6: true });
  const ask = async (address: string) =>
    (await alice.run(["curl", "-s", "--max-time", "2", `http://${address}/`], { codes: "any" })).stdout.trim();
  /** As who sends what the own WireGuard would not: whoever is root there can. */
  const force = async (address: string) => {
    const key = (await alice.run(["wg", "show", "ghost0", "peers"])).stdout.trim();
    await alice.run(["wg", "set", "ghost0", "peer", key, "allowed-ips", "0.0.0.0/0,::/0"]);
    return await ask(address);
  };
  return { ...net, alice, carol, ask, force };
});

test("row 13: an exit node opens no private network and no service of its own", async ({ alice, carol, force, sees }) => {
  await waitFor(
    "the honest request",
    async () => /inside/.test((await carol.run(["curl", "-s", "http://192.168.7.2/"], { codes: "any" })).stdout),
  );
  await alice.ctl(["exit-node", "use", "carol"]);
  await sees(alice, 4, CAROL);
  // Both are what the exit route covers; so are carol's own addresses, where a server listens.
  for (const address of ["192.168.7.2", "10.66.0.2", "192.168.7.1", CAROL, `[${CAROL_6}]`]) {
    assert.equal(await force(address), "", address);
  }
  await alice.ctl(["exit-node", "none"]);
});

test("row 13: of overlapping routes only approved ones count, and the longest prefix wins", async (net) => {
  const { alice, carol, ask, seen, sees } = net;
  await carol.ctl(["route", "advertise", UNAPPROVED]);
  const rows = async () =>
    (await alice.ctlJson<{ routes: { prefix: string; active: boolean }[] }>(["route", "list"])).routes;
  await waitFor("the announcement", async () => (await rows()).some(({ prefix }) => prefix === UNAPPROVED));
  assert.equal((await rows()).find(({ prefix }) => prefix === UNAPPROVED)!.active, false);
  await alice.ctl(["exit-node", "use", "carol"]);
  assert.equal(await ask("10.66.0.2"), "", "announced, named by a rule, not approved");
  assert.doesNotMatch((await alice.run(["wg", "show", "ghost0", "allowed-ips"])).stdout, /10\.66\./);
  await alice.write("approves.toml", acls.replace("[[allow]]", `"${UNAPPROVED}" = ["tag:exit"]\n[[allow]]`));
  await alice.ctl(["policy", "push", "approves.toml"]);
  await waitFor("the way there once it is approved", async () => /at inside$/.test(await ask("10.66.0.2")));
  await carol.ctl(["route", "advertise", UNAPPROVED, "--withdraw"]);
  await waitFor("no way there", async () => await ask("10.66.0.2") === "");
  // Web lies in a prefix that is signed now, and that no rule names: the exit route reaches it no longer.
  await sees(alice, 4, CAROL);
  await alice.ctl(["route", "add", "203.0.113.64/26", "via", "carol"]);
  await waitFor("the longer prefix to be carol's", async () => await seen(alice, 4) === "");
  await sees(alice, 6, CAROL_6);
  await alice.ctl(["route", "remove", "203.0.113.64/26"]);
  await waitFor("the exit route again", async () => await seen(alice, 4) === CAROL);
  await alice.ctl(["exit-node", "none"]);
});

test("row 14: nothing leaks past an exit node that has IPv4 alone", async (net) => {
  const { alice, carol, seen, sees, leaks, offered } = net;
  await carol.sh("ip -6 route del default");
  await offered({ ipv4: true, ipv6: false });
  const before = await leaks();
  const used = await alice.ctl(["exit-node", "use", "carol"]);
  assert.match(used.stderr, /no IPv6: IPv6 is blocked/);
  await sees(alice, 4, CAROL);
  assert.equal(await seen(alice, 6), "");
  // Other protocols, and a socket that has chosen its own address.
  for (const address of [WEB[4], WEB[6]]) {
    await alice.run(["ping", "-c", "2", "-i", "0.2", "-W", "1", address], { codes: "any" });
  }
  await alice.run(["curl", "-s", "--max-time", "1", "--interface", "10.9.1.2", `http://${WEB[4]}/`], { codes: "any" });
  await alice.run(["curl", "-s", "--max-time", "1", "--interface", "2001:db8:9::2", `http://[${WEB[6]}]/`], {
    codes: "any",
  });
  assert.equal(await leaks(), before);
});

test("row 14: leaving an exit node takes ::/0 and every rule away", async ({ alice, sees }) => {
  await alice.ctl(["exit-node", "none"]);
  const { stdout } = await alice.sh(
    "ip rule; ip -6 rule; for f in -4 -6; do ip $f route show table all proto 207 | grep default || true; done",
  );
  assert.deepEqual(stdout.split("\n").filter((line) => line && !/lookup (local|main|default)$/.test(line.trim())), []);
  assert.equal(stdout.match(/lookup main/g)?.length, 2);
  await sees(alice, 6, "2001:db8:9::2");
});
