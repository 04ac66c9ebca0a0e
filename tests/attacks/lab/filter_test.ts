/** What the policy enforces on a machine, attacked by another member who is root on its own machine. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, Lab } from "../../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../../scripts/lab/process.ts";
import { createToken, joinLink, startNetwork, status, waitForRung } from "../../../scripts/lab/programs.ts";
import { addPublic, addServers, CAROL } from "../../../scripts/lab/topology.ts";
import { answersAfterDrops, answersTo, fixture, helper, PROJECT } from "../../lab/support.ts";
import type { Packet } from "../packets.ts";

const BOB = "203.0.113.32";
/** Allowed; also the number that an attacker's other packets have where UDP has its destination port. */
const OPEN = 7684;
const CLOSED = 5353;
const policy = (more: string) =>
  `[tags]
a = []
b = []
c = []
[[allow]]
from = ["tag:a"]
to = ["tag:b"]
ports = ["udp/${OPEN}", "tcp/80"${more}]
[[allow]]
from = ["tag:c"]
to = ["tag:b"]
ports = ["udp/7002"]
[[allow]]
from = ["10.7.0.0/24"]
to = ["tag:b"]
ports = ["udp/7003"]
`;

interface Net {
  lab: Lab;
  alice: Host;
  bob: Host;
  carol: Host;
  /** Overlay addresses: IPv4 first. */
  of: Record<"alice" | "bob" | "carol", [string, string]>;
}

/** What got past bob's filter, by what it is; the last word on its way to a program. */
const WATCH = `table inet watch {
  chain in {
    type filter hook input priority 10;
    iifname != "ghost0" accept
    udp dport ${OPEN} counter comment "open"
    udp dport ${CLOSED} counter comment "closed"
    udp dport 7002 counter comment "carols"
    udp dport 7003 counter comment "networks"
    meta l4proto != { tcp, udp } counter comment "others"
    tcp dport 22 counter comment "ssh"
  }
}
`;

const test = fixture(async (): Promise<Net> => {
  const lab = new Lab();
  await addServers(lab);
  const alice = await addPublic(lab, "alice", "203.0.113.31"), bob = await addPublic(lab, "bob", BOB);
  const carol = await addPublic(lab, "carol", CAROL);
  await startNetwork(lab, alice, { acls: policy("") });
  const join = async (host: Host, tag: string) => {
    const link = joinLink(host, await createToken(alice, "--tag", tag));
    await link.line(/ is up: /);
  };
  await join(alice, "tag:a");
  await join(bob, "tag:b");
  await join(carol, "tag:c");
  await alice.ctl(["route", "add", "10.7.0.0/24", "via", "carol"]);
  await waitForRung(alice, "bob", "direct");
  await waitForRung(carol, "bob", "direct");
  await bob.run(["nft", "-f", "-"], { stdin: WATCH });
  const addresses = async (host: Host) => (await status(host)).self.addresses.toSorted() as [string, string];
  const of = { alice: await addresses(alice), bob: await addresses(bob), carol: await addresses(carol) };
  return { lab, alice, bob, carol, of };
});

/** What the watcher on bob has counted, by its comments. */
async function passed(bob: Host): Promise<Record<string, number>> {
  const { stdout } = await bob.run(["nft", "list", "table", "inet", "watch"]);
  const all = [...stdout.matchAll(/counter packets (\d+) bytes \d+ comment "(\w+)"/g)];
  return Object.fromEntries(all.map(([, packets, name]) => [name!, Number(packets)]));
}

const DENO = ["run", "--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=tools"];

async function send(host: Host, packets: Packet[]): Promise<void> {
  await host.run([Deno.execPath(), ...DENO, join(PROJECT, "tests", "attacks", "packets.ts"), JSON.stringify(packets)]);
}

/** Honest packets behind the hostile ones, in the same tunnel: when they are there, all before them were judged. */
async function settled(
  { alice, bob, of }: Net,
  more: { host: Host; from: string; name: string; port: number } | null = null,
) {
  const before = await passed(bob);
  const marker = (host: Host, from: string, port: number) =>
    send(host, [{ from, to: from.includes(":") ? of.bob[1] : of.bob[0], port, hex: "00" }]);
  for (const from of of.alice) await marker(alice, from, OPEN);
  await waitFor("honest packets", async () => (await passed(bob)).open! >= before.open! + 2);
  if (!more) return;
  await marker(more.host, more.from, more.port);
  await waitFor("the owner's packet", async () => (await passed(bob))[more.name]! > before[more.name]!);
}

test("row 10: a member cannot send from another's address, from a network that another carries, or from nobody's", async (net) => {
  const { alice, bob, carol, of } = net;
  const spoofed = [...of.carol, "10.7.0.5", "100.99.99.99", "fd77::1"];
  // Not on the tunnel's interface, from which the daemon takes what is not its own whenever it brings the plan about.
  for (const address of spoofed) {
    await alice.run(["ip", "address", "add", address, "dev", "lo", ...address.includes(":") ? ["nodad"] : []]);
  }
  const ports = [7002, 7003, OPEN, CLOSED];
  const before = await passed(bob);
  await send(
    alice,
    spoofed.flatMap((from) =>
      ports.map((port) => ({ from, to: from.includes(":") ? of.bob[1] : of.bob[0], port, hex: "00" }))
    ),
  );
  for (const address of spoofed) {
    await alice.run(["ip", "address", "del", `${address}/${address.includes(":") ? 128 : 32}`, "dev", "lo"]);
  }
  await settled(net);
  const after = await passed(bob);
  assert.deepEqual(after, { ...before, open: before.open! + 2 });
  // They were no empty threats: carol's own packet arrives.
  await settled(net, { host: carol, from: of.carol[0], name: "carols", port: 7002 });
});

/** UDP over IPv6 with its checksum (RFC 8200, section 8.1). */
function udp6(from: string, to: string, { source, port }: { source: number; port: number }): string {
  const bytes = (address: string) => {
    const [head = "", tail] = address.split("::");
    const words = (text: string) => text === "" ? [] : text.split(":").map((word) => parseInt(word, 16));
    const [a, b] = [words(head), words(tail ?? "")];
    return tail === undefined ? a : [...a, ...Array(8 - a.length - b.length).fill(0), ...b];
  };
  const length = 8 + 2;
  const header = [source, port, length];
  const sum = [...bytes(from), ...bytes(to), length, 17, ...header, 0x6869].reduce((total, word) => total + word, 0);
  const folded = (sum & 0xffff) + (sum >>> 16);
  const checksum = ~((folded & 0xffff) + (folded >>> 16)) & 0xffff;
  return [...header, checksum === 0 ? 0xffff : checksum, 0x6869].map((word) => word.toString(16).padStart(4, "0")).join(
    "",
  );
}

test("row 11: ports are not read from the wrong place: other protocols, extension headers, fragments, tunnels in the tunnel", async (net) => {
  const { alice, bob, of } = net;
  // What leaves these source ports as UDP is another protocol on the wire; a destination options header (RFC 8200, 4.6) is made
  // of a UDP header: source port 0x1100 is "UDP follows, 8 bytes", destination port 0x1e04 an option to be skipped.
  const other = [132, 47, 4, 41, 33, 50];
  const rewrite = other.map((protocol) =>
    `udp sport ${40000 + protocol} meta nfproto ipv4 ip protocol set ${protocol}
     udp sport ${40000 + protocol} meta nfproto ipv6 ip6 nexthdr set ${protocol}`
  ).join("\n");
  await alice.run(["nft", "-f", "-"], {
    stdin: `table inet forge {
  chain out {
    type filter hook output priority 100;
    oifname != "ghost0" accept
    ${rewrite}
    udp sport ${0x1100} ip6 nexthdr set 60
  }
}
`,
  });
  assert.equal(OPEN, 0x1e04);
  const before = await passed(bob);
  const [four, six] = of.alice, [to4, to6] = of.bob;
  const behind = (port: number): Packet => ({
    from: six,
    fromPort: 0x1100,
    to: to6,
    port: OPEN,
    hex: udp6(six, to6, { source: 9, port }),
  });
  await send(alice, [
    ...other.flatMap((protocol): Packet[] =>
      [[four, to4], [six, to6]].map(([from, to]) => ({
        from: from!,
        fromPort: 40000 + protocol,
        to: to!,
        port: OPEN,
        hex: "00".repeat(32),
      }))
    ),
    behind(CLOSED),
    { from: four, to: to4, port: CLOSED, hex: "00".repeat(4000) },
    { from: six, to: to6, port: CLOSED, hex: "00".repeat(4000) },
  ]);
  for (const address of of.bob) {
    await alice.run(["ping", "-c", "3", "-i", "0.01", "-W", "1", address], { codes: "any" });
  }
  await settled(net);
  assert.deepEqual(await passed(bob), { ...before, open: before.open! + 2 });
  // What is allowed arrives behind the same header and in fragments.
  await send(alice, [behind(OPEN), { from: six, to: to6, port: OPEN, hex: "00".repeat(4000) }]);
  await waitFor("the allowed ones", async () => (await passed(bob)).open! >= before.open! + 4);
  await alice.run(["nft", "delete", "table", "inet", "forge"]);
  // An IPv4 address in the clothes of IPv6 is no name for it.
  await alice.write("mapped.toml", '[[allow]]\nfrom = ["::ffff:10.7.0.5"]\nto = ["*"]\n');
  const checked = await alice.ctl(["policy", "check", "mapped.toml"], { codes: "any" });
  assert.match(checked.stdout, /Bad prefix "::ffff:10\.7\.0\.5"/);
});

const flow = (host: Host, what: string, ...args: string[]): Process => helper(host, "talk", what, ...args);
const refused = async (host: Host, way: "in" | "out" = "in") =>
  (await host.ctlJson<{ rows: { what: string; direction: string; packets: number }[] }>(["firewall", "counters"])).rows
    .find(({ what, direction }) => what === "refused" && direction === way)!.packets;

/** Pushes a policy from alice. */
async function push({ alice }: Net, text: string): Promise<number> {
  await alice.write("acls.toml", text);
  return (await alice.ctlJson<{ ledgerSeq: number }>(["policy", "push", "acls.toml"])).ledgerSeq;
}
const inForce = (host: Host, entry: number) =>
  waitFor(`entry ${entry}`, async () => (await host.ctlJson<{ entry: number }>(["firewall", "show"])).entry === entry);

test("row 24: an open flow ends when the policy no longer allows it", async (net) => {
  const { alice, bob, of } = net;
  await inForce(bob, await push(net, policy(', "tcp/22"')));
  await flow(bob, "serve", "22").line(/up/);
  const client = flow(alice, "hold", of.bob[0], "22");
  await client.line(/answered 2/);
  await inForce(bob, await push(net, policy("")));
  assert.equal(await answersAfterDrops(client, () => refused(bob)), 0, "what the flow got after that");
  await client.stop("SIGKILL");
});

test("row 23: a filter that cannot be loaded leaves the one before, nothing is opened, and it is loaded as soon as it can be", async (net) => {
  const { alice, bob, of } = net;
  await inForce(bob, await push(net, policy(', "tcp/22"')));
  const client = flow(alice, "hold", of.bob[0], "22");
  await client.line(/answered 2/);
  const rules = async () =>
    (await bob.run(["/run/nft", "-s", "-t", "list", "table", "inet", "ghostlink_ghost0"])).stdout;
  const nft = (await bob.sh("readlink -f $(command -v nft)")).stdout.trim();
  await bob.sh(
    'cp "$1" /run/nft; printf "#!/bin/sh\\nexit 1\\n" >/run/broken; chmod 755 /run/broken; mount --bind /run/broken "$1"',
    nft,
  );
  const before = await rules();
  const narrow = await push(net, policy(""));
  await waitFor(
    "bob to say so",
    async () => (await status(bob)).warnings.find((line) => /could not? be set up|nft table/.test(line)),
  );
  assert.equal(await rules(), before, "the rules before stay");
  const at = answersTo(client);
  await waitFor("the flow to go on by them", () => answersTo(client) > at + 3);
  await bob.sh('umount "$1"', nft);
  await inForce(bob, narrow);
  assert.equal(await answersAfterDrops(client, () => refused(bob)), 0, "and it does not go on any more");
  await client.stop("SIGKILL");
  // A policy without a rule lets nothing in, and everything is not what it means.
  await inForce(bob, await push(net, "[tags]\na = []\nb = []\nc = []\n"));
  const { rows } = await bob.ctlJson<{ rows: { what: string }[] }>(["firewall", "show"]);
  assert.deepEqual(rows.filter(({ what }) => what === "allow"), []);
  assert.equal((await bob.run(["wg", "show", "ghost0", "peers"])).stdout, "");
  await inForce(bob, await push(net, policy("")));
  await waitForRung(alice, "bob", "direct");
});

test("row 14: a published port of a container is no way around the policy, and host firewalls stay as they are", async (net) => {
  const { lab, alice, bob, carol, of } = net;
  const box = await lab.addHost("box");
  await lab.connect(bob, "docker0", box, "eth0");
  await bob.sh("ip address add 172.17.0.1/16 dev docker0; sysctl -qw net.ipv4.ip_forward=1");
  await box.sh("ip address add 172.17.0.2/16 dev eth0; ip route add default via 172.17.0.1");
  // As Docker and a careful admin have it: the port is published, forwarding to it is accepted, the host itself is shut.
  const others = `table ip docker {
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 8080 dnat to 172.17.0.2:80
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
  }
  chain forwarding {
    type filter hook forward priority filter; policy drop;
    oifname "docker0" accept
    ct state established,related accept
    iifname "docker0" accept
  }
}
table inet hostfw {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname { "lo", "ghost0" } accept
    udp dport 51820 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
`;
  await bob.run(["nft", "-f", "-"], { stdin: others });
  const listed = async () => (await bob.sh("nft -s list table ip docker; nft -s list table inet hostfw")).stdout;
  const before = await listed();
  await box.run(["nft", "-f", "-"], {
    stdin:
      "table inet watch {\n chain in {\n type filter hook input priority 0\n tcp dport 80 ct state new counter\n }\n}\n",
  });
  const reached = async () => Number(/packets (\d+)/.exec((await box.run(["nft", "list", "ruleset"])).stdout)![1]);
  await flow(box, "serve", "80").line(/up/);
  // The policy lets alice reach bob on tcp/80, and the container's port is 80, too.
  const shut = await refused(bob);
  const client = flow(alice, "hold", of.bob[0], "8080");
  await waitFor("refused packets", async () => await refused(bob) > shut);
  assert.equal(await reached(), 0, "packets that came to the container");
  await client.stop("SIGKILL");
  // Nor does the container get into the tunnel in bob's name.
  await flow(alice, "serve", "80").line(/up/);
  await alice.run(["nft", "-f", "-"], {
    stdin:
      "table inet tunnel { chain in { type filter hook prerouting priority -400; iifname ghost0 tcp dport 80 counter; }; }",
  });
  const held = await refused(bob, "out");
  const out = flow(box, "hold", of.alice[0], "80");
  await waitFor("packets held back", async () => await refused(bob, "out") >= held + 2);
  assert.equal(out.text, "", "what the container was answered");
  assert.match((await alice.run(["nft", "list", "table", "inet", "tunnel"])).stdout, /packets 0 /);
  await out.stop("SIGKILL");
  // Beside the tunnel all is as before: the published port answers, the host is shut, the tables are what they were.
  const beside = flow(carol, "hold", BOB, "8080");
  await beside.line(/answered 2/);
  await beside.stop("SIGKILL");
  await push(net, `${policy("")}# loaded anew\n`);
  await push(net, policy(', "tcp/8080"'));
  await waitFor("another policy", async () => /8080/.test((await bob.ctl(["firewall", "show"])).stdout));
  assert.equal(await listed(), before);
});
