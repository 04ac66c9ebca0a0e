/** The policy's firewall on real machines: rules, counters, log, the program of `on_change`, and other back ends. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { admit, runLink, startNetwork, status, waitForRung } from "../../scripts/lab/programs.ts";
import { addPublic, addServers } from "../../scripts/lab/topology.ts";
import type { LocalFirewall, LocalFirewallFlow } from "../../mesh/wire/local_firewall.ts";
import { addressOf, answersAfterDrops, fixture, helper, PROJECT, reaches } from "./support.ts";

interface Net {
  lab: Lab;
  alice: Host;
  bob: Host;
  link: Process;
}

const OPEN = '[tags]\nweb = []\n[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["tcp", "icmp"]\n';
const RULES = `[[firewall]]
on = ["bob"]
direction = "in"
ports = ["tcp/2222"]
action = "drop"
[[firewall]]
on = ["bob"]
direction = "in"
ports = ["icmp"]
action = "limit 1/hour burst 3"
[[firewall]]
on = ["*"]
ports = ["tcp/8080"]
action = "log"
`;

const test = fixture(async (): Promise<Net> => {
  const lab = new Lab();
  await addServers(lab);
  const alice = await addPublic(lab, "alice", "203.0.113.31"), bob = await addPublic(lab, "bob", "203.0.113.32");
  await startNetwork(lab, alice, { acls: OPEN });
  const links = await admit(alice, [alice, bob]);
  await waitForRung(alice, "bob", "direct");
  return { lab, alice, bob, link: links[1]! };
});

const firewall = (host: Host) => host.ctlJson<LocalFirewall>(["firewall", "counters"]);
const flows = async (host: Host) => (await host.ctlJson<{ flows: LocalFirewallFlow[] }>(["firewall", "log"])).flows;

/** Puts a policy in force and waits until a host has it. */
async function push({ alice }: Net, text: string, host: Host): Promise<number> {
  await alice.write("acls.toml", text);
  const { ledgerSeq } = await alice.ctlJson<{ ledgerSeq: number }>(["policy", "push", "acls.toml"]);
  await waitFor(`entry ${ledgerSeq} on ${host.name}`, async () => (await firewall(host)).entry === ledgerSeq);
  return ledgerSeq;
}

/** Packets that the rows of a host's firewall with this `what` have counted. */
async function count(host: Host, what: LocalFirewall["rows"][number]["what"], line?: number): Promise<number> {
  const rows = (await firewall(host)).rows.filter((row) =>
    row.what === what && (line === undefined || row.line === line)
  );
  assert.ok(rows.length > 0, `${what} ${line}`);
  return rows.reduce((sum, { packets }) => sum + (packets ?? 0), 0);
}

test("rules drop, limit and log, open flows included, and counters and log tell of it", async (net) => {
  const { alice, bob } = net;
  const address = await addressOf(alice, "bob");
  await helper(bob, "talk", "serve", "2222", "8080").line(/up/);
  const client = helper(alice, "talk", "hold", address, "2222");
  await client.line(/answered 2/);
  const entry = await push(net, OPEN + RULES, bob);
  const dropped = () => count(bob, "drop", 7);
  assert.equal(await answersAfterDrops(client, dropped), 0, "an open flow ends when a rule drops it");
  await client.stop("SIGKILL");

  const held = helper(alice, "talk", "hold", address, "8080");
  await held.line(/answered 2/);
  const pings = () => alice.run(["ping", "-c", "1", "-W", "1", address], { codes: "any" }).then(({ code }) => code);
  assert.deepEqual([await pings(), await pings(), await pings(), await pings(), await pings()], [0, 0, 0, 1, 1]);
  assert.equal(await count(bob, "limit", 12), 2);
  assert.equal(await count(bob, "log", 17), 1, "a new flow is logged once");
  assert.ok(await count(bob, "allow", 3) > 3);

  const source = await addressOf(bob, "alice");
  const seen = (await flows(bob)).map(({ time: _, packets: __, ...flow }) => flow);
  const flow = { direction: "in", source, destination: address } as const;
  assert.ok(
    seen.some((f) =>
      JSON.stringify(f) === JSON.stringify({ what: "dropped", line: 7, ...flow, protocol: "tcp", port: 2222 })
    ),
  );
  assert.ok(
    seen.some((f) =>
      JSON.stringify(f) === JSON.stringify({ what: "limited", line: 12, ...flow, protocol: "icmp", port: null })
    ),
  );
  assert.ok(
    seen.some((f) =>
      JSON.stringify(f) === JSON.stringify({ what: "logged", line: 17, ...flow, protocol: "tcp", port: 8080 })
    ),
  );

  // For people.
  const show = (await bob.ctl(["firewall", "show"])).stdout;
  assert.match(show, new RegExp(`^nft on ghost0: the policy of ledger entry ${entry}\n`));
  assert.match(show, /^ {2}drops tcp\/2222 \(line 7\)$/m);
  assert.match(show, /^ {2}lets alice reach this machine on tcp, icmp \(line 3\)$/m);
  assert.match((await bob.ctl(["firewall", "log"])).stdout, /over the limit +line 12 +in .* icmp +2$/m);
  await held.line(/answered/, { from: held.lines.length });
});

test("a table that somebody has removed or flushed is back at the next look", async ({ alice, bob, link }) => {
  const port = ["nft", "list", "chain", "inet", "ghostlink_ghost0", "stun_out"];
  const before = (await bob.run(port)).stdout;
  for (const [harm, loss] of [["delete", "gone"], ["flush", "emptied or dormant"]] as const) {
    const from = link.lines.length;
    await bob.run(["nft", harm, "table", "inet", "ghostlink_ghost0"]);
    await link.line(new RegExp(`nftables table was ${loss} and has been loaded again`), { from });
    assert.equal((await bob.run(port)).stdout, before);
  }
  await waitForRung(alice, "bob", "direct");
});

test("root's program is told each filter, and one that is not root's alone is not run", async (net) => {
  const { alice, bob } = net;
  // As "deno task install --on-change" would have it; the lab's machines run the clone, whose permission set is covered here.
  const settings = join(PROJECT, "deno.json");
  await bob.sh(
    `mkdir -m 755 /run/hooks
     sed -e 's#"/etc/ghostlink/on_change"#"/run/hooks/on_change"#' -e 's#"/etc/ghostlink"#"/run/hooks"#' "$1" >/run/deno.json
     mount --bind /run/deno.json "$1"
     printf '#!/bin/sh\ncat >>/run/hooks/told\necho >>/run/hooks/told\n' >/run/hooks/on_change
     chmod 755 /run/hooks/on_change`,
    settings,
  );
  await net.link.stop("SIGTERM");
  await bob.write("ghostlink.toml", '[link]\non_change = "/run/hooks/on_change"\n');
  net.link = runLink(bob, "--config", "ghostlink.toml");
  await net.link.line(/ is up: /);
  const told = async () => {
    const { stdout } = await bob.run(["cat", "/run/hooks/told"], { codes: "any" });
    return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  };
  const hears = (entry: number) => waitFor(`entry ${entry}`, async () => (await told()).at(-1)?.entry === entry);
  const first = await push(net, OPEN, bob);
  await hears(first);
  const last = (await told()).at(-1);
  assert.deepEqual([last.version, last.state, last.interface], [1, "up", "ghost0"]);
  assert.deepEqual(last.filter.inbound[0].destinations[0], `${await addressOf(alice, "bob")}/32`);
  const text = JSON.stringify(await told());
  const identity = JSON.parse((await bob.run(["cat", "/var/lib/ghostlink/identity.json"])).stdout);
  const secrets = [identity.identity.seed, identity.wg.private, identity.seal.private];
  for (const secret of secrets) {
    assert.match(secret, /^[\w-]{43}$/);
    assert.ok(!text.includes(secret), "nothing of its keys");
  }

  const warns = (pattern: RegExp) =>
    waitFor(String(pattern), async () => (await status(bob)).warnings.find((line) => pattern.test(line)));
  let port = 1000;
  for (
    const [spoil, pattern, mend] of [
      ["chmod 777 /run/hooks/on_change", /on_change.*Others may write to it/, "chmod 755 /run/hooks/on_change"],
      ["chown 65534 /run/hooks/on_change", /on_change.*Not root's/, "chown 0 /run/hooks/on_change"],
      ["chmod 777 /run/hooks", /hooks: Others may write to it/, "chmod 755 /run/hooks"],
      ["chmod 777 /run", /\/run: Others may write to it/, "chmod 755 /run"],
    ] as const
  ) {
    const runs = (await told()).length;
    await bob.sh(spoil);
    const rules = () => `${OPEN}[[firewall]]\non = ["*"]\nports = ["tcp/${++port}"]\naction = "log"\n`;
    const entry = await push(net, rules(), bob);
    await warns(pattern);
    assert.equal((await told()).length, runs, spoil);
    await bob.sh(mend);
    // The first time it is left to the audit to tell it; then another filter is, which takes no time.
    await hears(port === 1001 ? entry : await push(net, rules(), bob));
  }
  await bob.sh("printf '#!/bin/sh\ncat >/dev/null\necho nothing doing >&2\nexit 3\n' >/run/hooks/on_change");
  await push(net, `${OPEN}${RULES}`, bob);
  await warns(/on_change was not told.*code 3: nothing doing/);
  await bob.sh("printf '#!/bin/sh\ncat >>/run/hooks/told\necho >>/run/hooks/told\n' >/run/hooks/on_change");
  await hears(await push(net, OPEN, bob));
  assert.deepEqual((await status(bob)).warnings.filter((line) => /on_change/.test(line)), []);
  assert.equal((await net.link.stop("SIGTERM")).code, 0);
  assert.equal((await told()).at(-1).state, "down");

  // Another path than the one that the permission set names.
  await bob.write("other.toml", '[link]\non_change = "/run/hooks/other"\n');
  const refused = await bob.run(["ghostlink", "run", "--config", "other.toml"], { codes: "any" });
  assert.match(refused.stderr, /ghostlink may not run \/run\/hooks\/other; put it at .*--on-change/);
});

test("a back end is one file and one line, and what it refuses opens nothing", async (net) => {
  const { alice, bob } = net;
  await bob.write("ghostlink.toml", '[link]\nfirewall = "toy"\n');
  const unknown = await bob.run(["ghostlink", "run", "--config", "ghostlink.toml"], { codes: "any" });
  assert.match(unknown.stderr, /link\.firewall: .*Expected one of nft, none/);
  await bob.sh("touch /run/toy.refuse");
  net.link = helper(bob, "toy_firewall", "run", "--config", "ghostlink.toml");
  await net.link.line(/No toy today/);
  await net.link.ended;
  await bob.sh("rm /run/toy.refuse");
  net.link = helper(bob, "toy_firewall", "run", "--config", "ghostlink.toml");
  await net.link.line(/ is up: /);
  await waitForRung(bob, "alice", "direct");
  await reaches(alice, await addressOf(alice, "bob"));
  const { iface, filter } = JSON.parse((await bob.run(["cat", "/run/toy.json"])).stdout);
  assert.deepEqual([iface, filter.inbound.length], ["ghost0", 1]);
  const shown = await firewall(bob);
  assert.equal(shown.backend, "toy");
  assert.equal(shown.rows.find(({ what }) => what === "refused")!.packets, 7);
  assert.doesNotMatch((await bob.run(["nft", "list", "ruleset"])).stdout, /policy_/);
  // A policy that the back end cannot take: what it has stays, and the newcomer is not let in.
  await bob.sh("touch /run/toy.refuse");
  await alice.write("acls.toml", '[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["tcp/1"]\n');
  await alice.ctl(["policy", "push", "acls.toml"]);
  await waitFor("the refusal", async () => (await status(bob)).warnings.find((line) => /No toy today/.test(line)));
  assert.deepEqual(JSON.parse((await bob.run(["cat", "/run/toy.json"])).stdout).filter, filter);
  await net.link.stop("SIGTERM");
  assert.equal((await bob.run(["test", "-e", "/run/toy.json"], { codes: "any" })).code, 1, "nothing stays");
});
