/**
 * Row 17: a coordinator in an enemy's hands, against real daemons. After every attack WireGuard's peers, the routes and the packet
 * filter of all machines are what they were before.
 */
import assert from "node:assert/strict";
import type { Host } from "../../../scripts/lab/lab.ts";
import { waitFor } from "../../../scripts/lab/process.ts";
import { createToken, peers, runLink, status } from "../../../scripts/lab/programs.ts";
import { addPublic, COORDINATOR } from "../../../scripts/lab/topology.ts";
import { nodeIdOf, toWgKey } from "../../../mesh/trust/keys.ts";
import { makeTokenProof } from "../../../mesh/trust/admission/mod.ts";
import { signEntry } from "../../../mesh/trust/ledger.ts";
import { plainGrant } from "../../../mesh/trust/testdata/plain.ts";
import type { SyncEvent } from "../../../mesh/wire/api.ts";
import type { NodeRecord } from "../../../mesh/wire/record.ts";
import { addressOf, fixture, reaches } from "../../lab/support.ts";
import { keyOf, payloadOf } from "../forge.ts";
import type { MeshOrder } from "../hostile_mesh.ts";
import { attacker, falseEntries, foreignChain, injections, ownRecord, twists } from "../forgeries.ts";
import {
  adminKey,
  allDirect,
  append,
  changesNothing,
  ledgerOf,
  MEMBERS,
  type Occupied,
  occupied,
  recordOf,
  seen,
  seqAt,
  settle,
  wgKeys,
} from "./hostile.ts";

const test = fixture(occupied);
const mallory = await attacker();

/** Says events to everybody. */
async function say(net: Occupied, events: (SyncEvent | string)[]): Promise<void> {
  await net.mesh.order({ do: "send", to: "*", events });
}

const node = (record: string): SyncEvent => ({ type: "node", record });
const entry = (text: string): SyncEvent => ({ type: "ledger", entry: text });

test("row 17: a peer that the coordinator injects is configured nowhere", async (net) => {
  const ledger = await ledgerOf(net);
  const { jws } = await recordOf(net, "bob");
  await changesNothing(net, async () => await say(net, (await injections(mallory, ledger, jws)).map(node)));
  for (const name of MEMBERS) {
    assert.ok(!(await wgKeys(net.host(name))).includes(mallory.wg));
    assert.ok(!(await peers(net.host(name))).some((p) => p.name === "mallory" || p.id === mallory.id));
  }
});

test("row 17: a member's WireGuard key, sealing key, address, name, tags and routes cannot be changed", async (net) => {
  const { jws } = await recordOf(net, "bob");
  const alice = (await recordOf(net, "alice")).record;
  const changes: Partial<NodeRecord>[] = [
    { wg: mallory.box.public },
    { wgNext: mallory.box.public },
    { seal: mallory.box.public },
    { ipv4: alice.ipv4 },
    { ipv6: alice.ipv6 },
    { name: "alice" },
    { tags: ["tag:router"] },
    { routes: ["0.0.0.0/0"] },
    { gates: [mallory.id] },
  ];
  await changesNothing(net, async () => {
    for (const change of changes) await say(net, (await twists(mallory, jws, change)).map(node));
  });
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
});

test("row 17: a policy, grant, route, name, admin or gate that no admin signed is no part of the ledger", async (net) => {
  const ledger = await ledgerOf(net);
  const seq = await seqAt(net.host("bob"));
  await changesNothing(net, async () => {
    await say(net, (await falseEntries(mallory, ledger)).map(entry));
    // What these would have let in.

    const iat = Math.floor(Date.now() / 1000);
    const claims = { grantKey: mallory.sign, net: ledger.network.id, sub: mallory.sign.public, iat };
    await say(net, [node(await ownRecord(mallory, ledger, { proof: await makeTokenProof(claims) }))]);
  });
  assert.equal(await seqAt(net.host("bob")), seq + 1, "only the honest entry came in");
  assert.ok(!(await wgKeys(net.host("bob"))).includes(mallory.wg));
});

test("row 17: another network's ledger is not taken, neither on the stream nor by a machine that joins", async (net) => {
  const chain = await foreignChain(mallory);
  await changesNothing(net, async () => await say(net, chain.map(entry)));
  const fresh = await addPublic(net.lab, "fresh", "203.0.113.90");
  const token = await createToken(net.host("alice"), "--uses", "9");
  const body = JSON.stringify({ entries: chain, head: { seq: 1, hash: "A".repeat(43) } });
  await net.mesh.order({ do: "answer", path: "/v1/ledger", status: 200, body });
  const join = ["ghostlink", "join", "--server", COORDINATOR, "--auth", "-", "--enrol-only"];
  const output = await fresh.run(join, { stdin: token, codes: "any" });
  await net.mesh.order({ do: "honest" });
  assert.equal(output.code, 1);
  assert.match(output.stderr, /Expected network/);
  assert.equal((await fresh.run(["test", "-e", "/var/lib/ghostlink/network.json"], { codes: "any" })).code, 1);
});

test("row 17: a coordinator that hides entries cannot let a machine join on an older ledger", async (net) => {
  const fresh = await addPublic(net.lab, "fresher", "203.0.113.91");
  const token = await createToken(net.host("alice"), "--uses", "9");
  const seq = await seqAt(net.host("alice"));
  await net.mesh.order({ do: "freeze", to: "*", seq: seq - 2 });
  const join = ["ghostlink", "join", "--server", COORDINATOR, "--auth", "-", "--enrol-only"];
  const output = await fresh.run(join, { stdin: token, codes: "any" });
  await net.mesh.order({ do: "honest" });
  assert.equal(output.code, 1);
  assert.match(output.stderr, /lacks an entry that was there when the token was made/);
});

test("row 17: a rotated WireGuard key does not come back with an old record, not even after the peer was said to be gone", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const old = await recordOf(net, "bob");
  await bob.ctl(["keys", "rotate"]);
  const fresh = await waitFor("bob's new key at alice", async () => {
    const { record } = await recordOf(net, "bob");
    return record.wg !== old.record.wg && (await wgKeys(alice)).includes(toWgKey(record.wg)) && record;
  });
  await waitFor("the old key to be gone", async () => !(await wgKeys(alice)).includes(toWgKey(old.record.wg)));
  const all = (await seen(net)).nodes.filter((jws) => payloadOf<NodeRecord>(jws).name === "bob");
  const id = await nodeIdOf(keyOf(old.jws));
  await say(net, all.map(node));
  await say(net, [
    { type: "node-gone", id },
    ...all.filter((jws) => payloadOf<NodeRecord>(jws).wg === old.record.wg).map(node),
  ]);
  await settle(net);
  assert.ok(!(await wgKeys(alice)).includes(toWgKey(old.record.wg)), "the old key is back");
  // The same after a restart, when only the disk remembers.
  await net.links.alice.stop("SIGTERM");
  await net.mesh.order({ do: "mute", to: "*", types: ["node"] });
  net.links.alice = runLink(alice);
  await net.links.alice.line(/ is up: /);
  await waitFor("alice to follow", async () => (await status(alice)).network.connected);
  await say(net, [{ type: "node-gone", id }, node(old.jws)]);
  await settle(net);
  assert.ok(!(await wgKeys(alice)).includes(toWgKey(old.record.wg)), "the old key is back after a restart");
  await net.mesh.order({ do: "honest" });
  await waitFor("bob at alice again", async () => (await wgKeys(alice)).includes(toWgKey(fresh.wg)));
  await allDirect(net.host);
});

test("row 17: what is withheld, cut short or out of order costs news, not connections", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const address = await addressOf(alice, "bob");
  // A stream that is taken up again brings no news of anybody, which is no reason to give somebody up for a moment.
  const keys = (await wgKeys(bob)).toSorted();
  const from = net.mesh.process.lines.length;
  await net.mesh.order({ do: "cut", to: "*" });
  await net.mesh.said(await streamOf(bob), from);
  for (let look = 0; look < 10; look++) {
    assert.deepEqual((await wgKeys(bob)).toSorted(), keys);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await changesNothing(net, async () => {
    const lies: MeshOrder[] = [
      { do: "reorder", to: "*" },
      { do: "truncate", to: "*", after: 700 },
      { do: "truncate", to: "*", after: 3 },
      { do: "mute", to: "*", types: ["gate", "ledger", "mail"] },
      { do: "answer", path: "/v1/", status: 503, body: "" },
      // That nobody else exists is believed, because hiding machines is refusing service.
      { do: "mute", to: "*", types: ["node"] },
    ];
    for (const lie of lies) {
      const from = net.mesh.process.lines.length;
      await net.mesh.order(lie, { do: "cut", to: "*" });
      // What is said to those who come again has to have reached them.
      if (lie.do !== "answer") { for (const host of [alice, bob]) await net.mesh.said(await streamOf(host), from); }
      await new Promise((resolve) => setTimeout(resolve, 700));
      if (lie.do !== "mute" || !lie.types.includes("node")) {
        await reaches(alice, address);
        assert.equal((await peers(bob)).find((p) => p.name === "alice")?.path.rung, "direct");
      }
      await net.mesh.order({ do: "honest" });
    }
    await waitFor("everybody to follow again", async () => {
      const all = await Promise.all(MEMBERS.map((name) => status(net.host(name))));
      return all.every((s) => s.network.connected);
    });
    await allDirect(net.host);
  });
});

/** The line that tells of a machine's new stream. */
async function streamOf(host: Host): Promise<RegExp> {
  return new RegExp(`stream ${(await status(host)).self.id}`);
}

const LONG = "A".repeat(5 << 20);
const MALFORMED: string[] = [
  "event: node\ndata: {}\n\n",
  'event: node\ndata: {"record":1}\n\n',
  'event: node\ndata: {"record":"a.b.c"}\n\n',
  "event: ledger\ndata: not json\n\n",
  'event: ledger\ndata: {"entry":null}\n\n',
  'event: ledger\ndata: {"entry":"..","__proto__":{"x":1}}\n\n',
  "event: synced\ndata: []\n\n",
  'event: synced\ndata: {"head":{"seq":-1,"hash":""},"snapshot":"yes"}\n\n',
  'event: node-gone\ndata: {"id":"../../etc/passwd"}\n\n',
  'event: mail\ndata: {"from":"x","box":"y"}\n\n',
  "event: constructor\ndata: {}\n\n",
  `event: node\ndata: {"record":"${"A".repeat(300_000)}.A.A"}\n\n`,
  `event: ledger\ndata: ${"[".repeat(50_000)}\n\n`,
  "\u0000\u0001\uffff\n\n",
  `data: ${LONG}\n\n`,
];

test("row 17: malformed and oversized events and answers change nothing, and the daemon goes on", async (net) => {
  const memory = async () => {
    const { stdout } = await net.host("alice").sh("cat /proc/$(pgrep -of 'link/main.[jt]s')/status");
    return Number(/VmRSS:\s+(\d+)/.exec(stdout)?.[1]);
  };
  const before = await memory();
  await changesNothing(net, async () => {
    for (const event of MALFORMED) await say(net, [event]);
    for (
      const [status, body] of [[200, "{}"], [200, LONG], [200, "["], [301, ""], [401, "<html>"], [
        200,
        '{"head":1}',
      ]] as const
    ) {
      await net.mesh.order({ do: "answer", path: "/v1/", status, body }, { do: "cut", to: "*" });
      await new Promise((resolve) => setTimeout(resolve, 400));
      await net.mesh.order({ do: "honest" });
    }
    await waitFor("everybody to follow again", async () => {
      const all = await Promise.all(MEMBERS.map((name) => status(net.host(name))));
      return all.every((s) => s.network.connected);
    });
    await allDirect(net.host);
  });
  assert.ok(await memory() < before + 200_000, "memory is bounded");
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
});

test("row 17: a revocation that the coordinator hides from one machine reaches it by its peers", async (net) => {
  const [bob, carol] = [net.host("bob"), net.host("carol")];
  const { record } = await recordOf(net, "carol");
  const key = toWgKey(record.wg);
  assert.ok((await wgKeys(bob)).includes(key));
  const { id } = (await status(bob)).self;
  await net.mesh.order({ do: "freeze", to: id, seq: await seqAt(bob) }, { do: "mute", to: id, types: ["node-gone"] });
  await append(net, "revoke", { what: "node", key: keyOf((await recordOf(net, "carol")).jws) });
  await waitFor("bob to know by a peer", async () => !(await wgKeys(bob)).includes(key));
  const ping = ["ping", "-c", "1", "-W", "1", await addressOf(net.host("bob"), "alice")];
  assert.notEqual((await carol.run(ping, { codes: "any" })).code, 0);
  // And it stays so for a machine that starts anew and is told that carol is there.
  await net.links.bob.stop("SIGTERM");
  net.links.bob = runLink(bob);
  await net.links.bob.line(/ is up: /);
  await waitFor("bob to follow", async () => (await status(bob)).network.connected);
  await say(net, [node((await recordOf(net, "carol")).jws)]);
  await net.mesh.order({ do: "honest" });
  await settle(net, ["alice", "bob"]);
  for (const name of ["alice", "bob"]) assert.ok(!(await wgKeys(net.host(name))).includes(key), name);
});

test("row 17: a revocation that the coordinator hides from everybody reaches them by the gates that ghostctl tells", async (net) => {
  const bob = net.host("bob");
  const seq = await seqAt(bob);
  await net.mesh.order({ do: "freeze", to: "*", seq });
  // No daemon of the admin's machine helps; ghostctl knows the gates from before.
  const { stdout } = await net.host("alice").run([
    "ghostctl",
    "token",
    "create",
    "--socket",
    "/nowhere/ghostlink.sock",
  ]);
  assert.match(stdout, /^ghost1_/);
  await waitFor("bob to know by the gate", async () => await seqAt(bob) > seq);
  await net.mesh.order({ do: "honest" });
});

test("row 17: machines that start anew do not go back to an older ledger", async (net) => {
  const bob = net.host("bob");
  const joined = await seqAt(bob);
  await net.host("alice").run(["ghostctl", "token", "create"]); // known since the join only by the stream
  await waitFor("bob to know of it", async () => await seqAt(bob) > joined);
  const before = await seqAt(bob);
  await net.mesh.order({ do: "freeze", to: "*", seq: 2 });
  await net.links.bob.stop("SIGTERM");
  const kept = Number((await bob.sh("wc -l </var/lib/ghostlink/ledger.jsonl")).stdout);
  assert.ok(kept > before, "the ledger on disk is older than what was known");
  net.links.bob = runLink(bob);
  await net.links.bob.line(/ is up: /);
  await waitFor("bob to follow", async () => (await status(bob)).network.connected);
  assert.ok(await seqAt(bob) >= before);
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
  const { stdout } = await net.host("gate").sh("wc -l </var/lib/ghostgate/ledger.jsonl");
  assert.ok(Number(stdout) > before, "the gate went back");
  await net.mesh.order({ do: "honest" });
});

test("row 17: two ledgers for two peers, each signed with a stolen admin key: both are told, and nobody new comes in", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const admin = await adminKey(net);
  const { head, network } = await ledgerOf(net);
  const iat = Math.floor(Date.now() / 1000);
  const branch = async (name: string) => {
    const ledger = await ledgerOf(net);
    const evil = await attacker(name);
    const body = plainGrant(evil.sign.public);
    await ledger.append(await signEntry({ ledger, admin, kind: "grant", body, iat }));
    const claims = { grantKey: evil.sign, net: network.id, sub: evil.sign.public, iat };
    const record = await ownRecord(evil, ledger, { name, proof: await makeTokenProof(claims) });
    return { evil, record, entries: [ledger.entries.at(-1)!], head: ledger.head };
  };
  const branches = [[alice, await branch("left")], [bob, await branch("right")]] as const;
  for (const [host, { entries, head: end }] of branches) {
    const to = (await status(host)).self.id;
    await net.mesh.order({ do: "branch", to, from: head.seq + 1, entries, head: end });
  }
  await net.mesh.order({ do: "cut", to: "*" });
  for (const [host] of branches) {
    await waitFor(`${host.name} to be told of the fork`, async () => {
      return (await status(host)).warnings.some((line) => /fork|different ledgers/i.test(line));
    });
  }
  await say(net, branches.map(([, { record }]) => node(record)));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (const [host] of branches) {
    const keys = await wgKeys(host);
    for (const [, { evil }] of branches) assert.ok(!keys.includes(evil.wg), `${host.name} let somebody new in`);
  }
  await reaches(alice, await addressOf(alice, "bob"));
  await net.mesh.order({ do: "honest" });
});
