/**
 * Row 26: what is addressed to the network's machines, seen by the router that alice's default route leads to. It should get none
 * of it, whatever becomes of the machine, of alice's daemon or of its tunnel. The carrier of alice has 100.64.0.0/10 as well: her own
 * address is in it, and so is a host beyond the router.
 */
import assert from "node:assert/strict";
import { networkPrefix6 } from "../../../mesh/trust/address.ts";
import { type Host, Lab } from "../../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../../scripts/lab/process.ts";
import {
  createToken,
  joinLink,
  peers,
  runLink,
  startNetwork,
  status,
  waitForRung,
} from "../../../scripts/lab/programs.ts";
import { addBehindNat, addPublic, addServers, CAROL, ROUTER_A } from "../../../scripts/lab/topology.ts";
import { fixture } from "../../lab/support.ts";

/** A host of alice's carrier, beyond her router; and an address there that nobody has. */
const CARRIER = "100.99.0.1";
const NOBODY = { 4: "100.98.0.1", 6: "fdff:1:2::3" };

const ACLS = `[tags]
a = []
b = []
[[allow]]
from = ["*"]
to = ["*"]
`;
const HIDDEN = ACLS.replace('from = ["*"]\nto = ["*"]', 'from = ["tag:a"]\nto = ["tag:a"]');

interface Net {
  alice: Host;
  daemon: Process;
  /** Packets for 100.64.0.0/10 and unique local addresses that the router got from alice; not those for itself and the carrier's host. */
  leaked(): Promise<number>;
  /** A machine's addresses as alice knows them. */
  of(name: string): Promise<string[]>;
}

const test = fixture<Net & { lab: Lab }>(async () => {
  const lab = new Lab();
  await addServers(lab);
  const [carol, bob] = [await addPublic(lab, "carol", CAROL), await addPublic(lab, "bob", "203.0.113.31")];
  const alice = await addBehindNat(lab, "alice", { router: "na", address: ROUTER_A, lan: "100.70.1", nat: "eim_apdf" });
  const na = lab.host("na");
  await na.sh(`ip address add ${CARRIER}/32 dev lo; ip -6 address add 2001:db8:9::1/64 dev lan1 nodad
    nft 'table inet leaks { chain seen { type filter hook prerouting priority -400; iifname lan1 jump count; }
      chain count { ip daddr { 100.70.1.0/24, ${CARRIER} } return; ip daddr 100.64.0.0/10 counter; ip6 daddr fc00::/7 counter; }; }'`);
  await alice.sh("ip -6 address add 2001:db8:9::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:9::1");
  await startNetwork(lab, alice, { acls: ACLS });
  const a = await createToken(alice, "--uses", "2", "--tag", "tag:a");
  const b = await createToken(alice, "--tag", "tag:b");
  const links = [joinLink(alice, a), joinLink(carol, a), joinLink(bob, b)];
  await Promise.all(links.map((link) => link.line(/ is up: /)));
  await waitForRung(alice, "bob", "direct");
  await waitForRung(alice, "carol", "direct");
  return {
    lab,
    alice,
    daemon: links[0]!,
    leaked: async () => {
      const { stdout } = await na.run(["nft", "list", "chain", "inet", "leaks", "count"]);
      return [...stdout.matchAll(/packets (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    },
    of: async (name) => (await peers(alice)).find((peer) => peer.name === name)!.addresses.map(bare),
  };
});

function bare(address: string): string {
  return address.replace(/\/.*/, "");
}

/** What one ping says. */
async function ping(host: Host, address: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["ping", "-c", "1", "-W", "1", address], { codes: "any" });
  return code === 0 ? "answer" : /unreachable|no route/i.test(stdout + stderr) ? "refused" : "silence";
}

async function allSay(host: Host, addresses: readonly string[], what: string): Promise<void> {
  for (const address of addresses) {
    await waitFor(`${what} of ${address}`, async () => await ping(host, address) === what);
  }
}

/** A stream of packets to each of these until it is stopped, whatever becomes of them. */
function streams(host: Host, addresses: readonly string[]): Process[] {
  return addresses.map((address) => host.spawn(`to ${address}`, ["ping", "-q", "-i", "0.005", address]));
}

async function ours(host: Host): Promise<string> {
  return (await host.sh("for f in -4 -6; do ip $f route show table all proto 207; done")).stdout;
}

test("row 26: an address that nobody has yet leaves only beside the network's own ranges", async (net) => {
  const { alice, leaked } = net;
  const { network } = await status(alice);
  const prefix = (await networkPrefix6(network.id)).replace("/48", "");
  await allSay(alice, [`${prefix}1234`, `${prefix.slice(0, -1)}ffff:1::2`], "refused");
  assert.equal(await leaked(), 0);
  assert.equal(await ping(alice, CARRIER), "answer");
  for (const address of Object.values(NOBODY)) await ping(alice, address);
  assert.ok(await leaked() >= 2, "the router counts");
});

test("row 26: nothing leaves while the daemon and its tunnel are killed, nor when they start again", async (net) => {
  const { alice, leaked, of } = net;
  const addresses = [...await of("bob"), ...await of("carol")];
  await allSay(alice, addresses, "answer");
  const before = await leaked();
  const running = streams(alice, addresses);
  await net.daemon.stop("SIGKILL");
  const left = (await alice.sh("pgrep --ns $$ --nslist net wireguard || true")).stdout.trim().split("\n");
  for (const pid of left.filter(Boolean)) await alice.run(["kill", "-9", pid]);
  await allSay(alice, addresses, "refused");
  net.daemon = runLink(alice);
  await net.daemon.line(/ is up: /);
  await allSay(alice, addresses, "answer");
  for (const stream of running) await stream.stop("SIGINT");
  assert.equal(await leaked(), before);
});

test("row 26: nothing leaves for a machine that is hidden or revoked, restarts included", async (net) => {
  const { alice, leaked, of } = net;
  const addresses = [...await of("bob"), ...await of("carol")];
  const before = await leaked();
  const running = streams(alice, addresses);
  await alice.write("acls.toml", HIDDEN);
  await alice.ctl(["policy", "push", "acls.toml"]);
  await alice.ctl(["nodes", "revoke", "carol"]);
  await allSay(alice, addresses, "refused");
  // What is stopped in order takes everything else away.
  assert.equal((await net.daemon.stop("SIGTERM")).code, 0);
  for (const line of (await ours(alice)).split("\n").filter(Boolean)) assert.match(line, /^unreachable /);
  await allSay(alice, addresses, "refused");
  assert.equal(await leaked(), before);

  // A boot: the kernel has forgotten them, and nobody tells of these two any more.
  await alice.sh("ip route flush proto 207; ip -6 route flush proto 207");
  await waitFor("the streams at the router", async () => await leaked() > before);
  net.daemon = runLink(alice);
  await net.daemon.line(/ is up: /);
  for (const stream of running) await stream.stop("SIGINT");
  const flushed = await leaked();
  await allSay(alice, addresses, "refused");
  assert.equal(await leaked(), flushed);

  // Somebody else's route there is respected: in a table of its own, as Tailscale has it, and in the main one.
  const four = addresses.find((address) => !address.includes(":"))!;
  const way = async () => (await alice.run(["ip", "route", "get", four], { codes: "any" })).stdout;
  await alice.sh("ip link add other0 type veth peer name other1; ip link set other0 up; ip link set other1 up");
  await alice.sh('ip route add "$1" dev other0 table 52; ip rule add pref 5270 lookup 52', four);
  assert.match(await way(), / dev other0 /);
  await alice.sh("ip rule del pref 5270; ip route flush table 52");
  await allSay(alice, [four], "refused");
  await alice.sh('ip route add "$1/16" dev other0', four.replace(/\d+\.\d+$/, "0.0"));
  await waitFor("the way of others", async () => / dev other0 /.test(await way()));
  await alice.sh("ip link del other0");
  await allSay(alice, [four], "refused");
});

test("row 26: down takes all routes away", async ({ alice }) => {
  await alice.ctl(["down"]);
  assert.equal(await ours(alice), "");
});
