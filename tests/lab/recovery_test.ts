/**
 * What must outlive a lost coordinator, and what must not outlive a revocation, among real programs. The tests go on from one
 * another: the network is brought back, a newcomer falls with its token, the others stay without theirs, bob is put out.
 */
import assert from "node:assert/strict";
import type { Host } from "../../scripts/lab/lab.ts";
import { Ping } from "../../scripts/lab/ping.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import {
  ACLS_TOML,
  createToken,
  joinLink,
  peers,
  setupCode,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "../../scripts/lab/programs.ts";
import { addPublic } from "../../scripts/lab/topology.ts";
import { addressOf, connected, fixture, homes, type Network, reaches } from "./support.ts";

const MEMBERS = ["alice", "bob", "carol"] as const;
/** Between two packets of a ping that runs while something happens, in ms. */
const PING_EVERY = 20;
/** WireGuard lets no session live longer, in seconds (REJECT_AFTER_TIME). */
const SESSION_LIFE = 180;

const test = fixture(homes);

test("an empty coordinator with the old ca.pem is filled from a copy: all come back, no key or address changes", async (net) => {
  const [alice, bob, coordinator] = [net.host("alice"), net.host("bob"), net.host("coordinator")];
  const copy = await bob.ctlJson<{ source: string }>(["ledger", "export", "ledger.jsonl"]);
  assert.equal(copy.source, "daemon", "a member's own copy");
  await alice.write("ledger.jsonl", (await bob.run(["cat", "ledger.jsonl"])).stdout);
  const before = await identities(net);
  const address = await addressOf(alice, "bob");
  const ping = new Ping(alice, address, PING_EVERY);
  await ping.first();

  await net.mesh.stop("SIGKILL");
  await coordinator.sh("cd /var/lib/ghostmesh; find . -mindepth 1 ! -name ca.pem -delete; test -s ca.pem");
  for (const name of MEMBERS) {
    const host = net.host(name);
    await waitFor(`${name} to miss the coordinator`, async () => !(await status(host)).network.connected);
  }
  const gateLines = net.gate.lines.length;
  net.mesh = await startMesh(coordinator);
  const code = await setupCode(net.mesh);
  await alice.ctl(["ledger", "import", "ledger.jsonl", "--setup", "-"], { stdin: code });

  for (const name of MEMBERS) await connected(net.host(name));
  await net.gate.line(/in step with the coordinator/, { from: gateLines });
  await waitFor("all to be listed again", async () => (await listed(alice)).length === before.listed.length);
  assert.deepEqual(await identities(net), before);
  for (const program of [net.gate, ...Object.values(net.links)]) assert.ok(program.running, program.name);
  const { received, lost } = await ping.stop();
  assert.ok(received > 0);
  assert.deepEqual(lost, []);
});

test("a gate that was restarted does not check again what it has checked, and serves", async (net) => {
  await net.gate.stop("SIGTERM");
  assert.match((await net.host("gate").sh("cat /var/lib/ghostgate/ledger.checked.json")).stdout, /"seq"/);
  net.gate = await startGate(net.host("gate"));
  for (const name of MEMBERS) await connected(net.host(name));
});

test("a machine that is new joins the recovered network by a new token", async (net) => {
  const { alice, dave } = { alice: net.host("alice"), dave: await addPublic(net.lab, "dave", "203.0.113.40") };
  await joinLink(dave, await createToken(alice)).line(/ is up: /);
  for (const name of MEMBERS) {
    await reaches(dave, await addressOf(dave, name));
    await reaches(net.host(name), await addressOf(net.host(name), "dave"));
  }
});

test("where the policy says revokes_nodes = true, a machine falls with the token that it came in by", async (net) => {
  const [alice, dave] = [net.host("alice"), net.host("dave")];
  await pushPolicy(alice, `${ACLS_TOML}\n[[admit]]\nmethod = "static"\nrevokes_nodes = true\n`);
  const key = await publicKey(dave);
  const address = await addressOf(alice, "dave");
  await reaches(alice, address);
  const stays = await watched(alice, "bob");

  const { fall, stay } = await revokeToken(alice, 1);
  assert.deepEqual({ fall, stay }, { fall: ["dave"], stay: [] });
  for (const name of MEMBERS) await dropped(net.host(name), "dave", key);
  await refusedByGates(dave);
  assert.equal(await answers(alice, address), 0);
  assert.deepEqual((await stays.stop()).lost, []);
});

test("without revokes_nodes all stay that came in by a token that is revoked", async (net) => {
  const alice = net.host("alice");
  await pushPolicy(alice, ACLS_TOML);
  const before = await identities(net);
  const stays = await watched(alice, "bob");
  const { fall, stay, ledgerSeq } = await revokeToken(alice, 3);
  assert.deepEqual({ fall, stay: stay.toSorted() }, { fall: [], stay: [...MEMBERS] });
  for (const name of MEMBERS) {
    const host = net.host(name);
    await waitFor(`${name} to know`, async () => (await status(host)).network.ledgerSeq >= ledgerSeq);
    await connected(host);
  }
  assert.deepEqual(await identities(net), before);
  assert.ok(await answers(alice, await addressOf(alice, "bob")) > 0);
  assert.deepEqual((await stays.stop()).lost, []);
});

test("revoking a machine cuts its live tunnels and its gate session at once, though its own daemon does not take part", async (net) => {
  const [alice, bob, carol] = [net.host("alice"), net.host("bob"), net.host("carol")];
  await waitForRung(alice, "bob", "direct");
  const { id } = (await status(bob)).self;
  const [bobKey, aliceKey] = [await publicKey(bob), await publicKey(alice)];
  const [toBob, toAlice] = [await addressOf(alice, "bob"), await addressOf(bob, "alice")];
  const stays = await watched(alice, "carol");
  const ping = new Ping(alice, toBob, PING_EVERY);
  await ping.first();
  // From here on bob's WireGuard is that of somebody who ignores revocations: only what the others do can end its tunnels.
  net.links.bob.kill("SIGSTOP");
  const session = await handshake(bob, aliceKey);
  const gateLines = net.gate.lines.length;
  assert.ok(await answers(alice, toBob) > 0);

  await alice.ctl(["nodes", "revoke", "bob", "--reason", "lost"]);
  for (const host of [alice, carol]) await dropped(host, "bob", bobKey);
  assert.equal(await answers(alice, toBob), 0);
  assert.equal(await answers(bob, toAlice), 0);
  const { received, lost } = await ping.stop();
  assert.equal(lost[0], received + 1, "answers came after the first one that stayed away");
  // No handshake had to fail for that: bob still holds the session, and it is young enough to be used.
  assert.equal(await handshake(bob, aliceKey), session);
  assert.ok(Date.now() / 1000 - session < SESSION_LIFE);
  await net.gate.line(new RegExp(`session ended node=${id} reason=.*revoked`), { from: gateLines });

  const linkLines = net.links.bob.lines.length;
  net.links.bob.kill("SIGCONT");
  await net.links.bob.line(/No session with a gate .*revoked/, { from: linkLines });
  await refusedByGates(bob);
  const accepted = net.gate.lines.slice(gateLines).filter((line) => line.text.includes(`session node=${id}`));
  assert.deepEqual(accepted, []);
  assert.deepEqual(await peers(bob), []);
  assert.deepEqual((await stays.stop()).lost, []);
  await waitForRung(alice, "carol", "direct");
});

/** All that must not change when a coordinator is brought back: who is who, and what WireGuard is told. */
async function identities(net: Network) {
  const machines = await Promise.all(MEMBERS.map(async (name) => {
    const host = net.host(name);
    const { self, network, gates } = await status(host);
    return {
      self,
      network: { id: network.id, server: network.server },
      gates: gates.map((gate) => [gate.name, gate.id]),
      peers: (await peers(host)).map((p) => [p.name, p.id, ...p.addresses]).toSorted(),
      key: await publicKey(host),
      wireguard: (await host.sh("wg show all allowed-ips | sort")).stdout,
    };
  }));
  return { machines, listed: await listed(net.host("alice")) };
}

/** Machines and gates as the coordinator lists them and the admin's ghostctl verifies them. */
async function listed(admin: Host): Promise<unknown[]> {
  type Row = { name: string; id: string; addresses?: string[] };
  const { nodes } = await admin.ctlJson<{ nodes: Row[] }>(["nodes", "list"]);
  const { gates } = await admin.ctlJson<{ gates: Row[] }>(["gate", "list"]);
  return [...nodes, ...gates].map(({ name, id, addresses = [] }) => [name, id, ...addresses]);
}

async function publicKey(host: Host): Promise<string> {
  const key = (await host.sh("wg show all public-key")).stdout.trim().split(/\s+/)[1];
  assert.ok(key);
  return key;
}

/** Seconds since 1970 of a host's last handshake with a key. */
async function handshake(host: Host, key: string): Promise<number> {
  const rows = (await host.sh("wg show all latest-handshakes")).stdout.split("\n").map((row) => row.split("\t"));
  const at = Number(rows.find((row) => row[1] === key)?.[2]);
  assert.ok(at > 0, `${host.name} has no session with ${key}`);
  return at;
}

/** How many of ten pings are answered; none where no way leads there. */
async function answers(host: Host, address: string): Promise<number> {
  const { stdout, stderr } = await host.run(["ping", "-n", "-q", "-c", "10", "-i", "0.05", "-W", "1", address], {
    codes: "any",
  });
  if (/^ping: connect: /m.test(stderr)) {
    assert.match(stderr, /No route to host|unreachable/);
    return 0;
  }
  const count = /(\d+) received/.exec(stdout)?.[1];
  assert.ok(count, stdout + stderr);
  return Number(count);
}

/** A ping that runs on and is answered. */
async function watched(host: Host, peer: string): Promise<Ping> {
  const ping = new Ping(host, await addressOf(host, peer), PING_EVERY);
  await ping.first();
  return ping;
}

/** Waits until a host neither lists a peer nor has its key in WireGuard. */
async function dropped(host: Host, peer: string, key: string): Promise<void> {
  await waitFor(`${host.name} to drop ${peer}`, async () => {
    const keys = (await host.sh("wg show all peers")).stdout;
    return !keys.includes(key) && (await peers(host)).every((p) => p.name !== peer);
  });
}

async function refusedByGates(host: Host): Promise<void> {
  await waitFor(
    `${host.name} to have no gate session`,
    async () => (await status(host)).gates.every((gate) => !gate.connected),
  );
}

async function pushPolicy(admin: Host, source: string): Promise<void> {
  await admin.write("pushed.toml", source);
  await admin.ctl(["policy", "push", "pushed.toml"]);
}

/** Revokes the machines' token that has so many uses. */
async function revokeToken(admin: Host, uses: number): Promise<{ stay: string[]; fall: string[]; ledgerSeq: number }> {
  type Row = { key: string; gate: boolean; uses: number };
  const { tokens } = await admin.ctlJson<{ tokens: Row[] }>(["token", "list"]);
  const found = tokens.filter((token) => !token.gate && token.uses === uses);
  assert.equal(found.length, 1);
  return await admin.ctlJson(["token", "revoke", found[0]!.key]);
}
