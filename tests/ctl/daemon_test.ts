/** The verbs about this machine, against the daemon's own API server. */
import assert from "node:assert/strict";
import type { LocalHandlers } from "../../link/host/local_api.ts";
import { hashOf } from "../../mesh/trust/keys.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalStatus } from "../../mesh/wire/local.ts";
import type { LocalNetcheck, LocalPath } from "../../mesh/wire/local_look.ts";
import { ghostctl, World } from "./world.ts";
import { ID, PEERS, STATUS, withDaemon } from "./daemon.ts";

Deno.test("ghostctl status and peers show what the daemon says", () =>
  withDaemon({ status: () => Promise.resolve(STATUS), peers: () => Promise.resolve(PEERS) }, async (ctl) => {
    assert.deepEqual(JSON.parse((await ctl("status", "--json")).stdout), { version: 1, ...STATUS });
    const status = await ctl("status");
    assert.equal(status.stderr, "");
    assert.match(status.stdout, /^machine +alice \(f4k2q3/);
    assert.match(status.stdout, /^home +gate1: the only gate$/m);
    assert.match(status.stdout, /gate1 +eu +yes +home +8\.1 ms/);
    assert.match(status.stdout, /^exit node +carol, in use, with the kill switch$/m);
    assert.match(status.stdout, /warning: The gate gate1 is old/);

    assert.deepEqual(JSON.parse((await ctl("peers", "--json")).stdout), { version: 1, peers: PEERS });
    const lines = (await ctl("peers")).stdout.split("\n");
    assert.match(lines[0]!, /^PEER +ADDRESSES +ONLINE +PATH +ENDPOINT/);
    assert.match(lines[1]!, /^bob +100\.64\.3\.4 +yes +direct +203\.0\.113\.7:51820 +4\.2 ms .* 1\.5 kB +20 B /);
    assert.match(lines[2]!, /^carol +- +no +none +- +- /);
    assert.deepEqual(lines.slice(3), ["", "carol: it is off", ""]);
  }));

Deno.test("ghostctl netcheck and debug path show what the daemon found", () => {
  const check: LocalNetcheck = {
    udp: true,
    ipv4: {
      mapping: "address-and-port-dependent",
      certain: true,
      filtering: "address-and-port-dependent",
      portPreserving: false,
      address: "203.0.113.2",
    },
    ipv6: { works: false, address: null },
    portMapping: {
      enabled: true,
      gateway: "192.168.1.1",
      answered: ["pcp", "nat-pmp"],
      mapping: { protocol: "pcp", address: "203.0.113.7", port: 51820 },
      why: null,
    },
    clock: { aheadMs: 120 },
    coordinator: true,
    gates: [{ name: "gate1", rttMs: 8.1, use: "home", rungs: ["quic", "turn"], turn: ["udp", "tls"] }],
    verdict: ["the NAT gives every destination another port"],
  };
  const path: LocalPath = {
    name: "bob",
    id: ID,
    rung: "quic",
    endpoint: "gate1",
    rttMs: null,
    why: "checks are under way",
    ice: { role: "controlling", state: "checking" },
    candidates: { local: [{ type: "host", address: "2001:db8::1", port: 51820 }], remote: [] },
    pairs: [{ local: "a", remote: "b", type: "host", state: "failed", checks: 16, rttMs: null }],
    guess: null,
    timeline: [{ time: "2026-01-01T00:00:00.000Z", what: "ICE: checking" }],
  };
  const daemon = { netcheck: () => Promise.resolve(check), path: () => Promise.resolve(path) };
  return withDaemon(daemon, async (ctl) => {
    assert.deepEqual(JSON.parse((await ctl("netcheck", "--json")).stdout), { version: 1, ...check });
    const text = (await ctl("netcheck")).stdout;
    assert.match(
      text,
      /^NAT +address-and-port-dependent mapping, address-and-port-dependent filtering, another port$/m,
    );
    assert.match(text, /^port mapping +pcp, 203\.0\.113\.7:51820; the router speaks pcp, nat-pmp$/m);
    assert.match(text, /^clock +as the coordinator's$/m);
    assert.match(text, /^gate1 +8\.1 ms +home +quic, turn +udp, tls$/m);
    assert.match(text, /^the NAT gives every destination another port$/m);
    assert.deepEqual(JSON.parse((await ctl("debug", "path", "bob", "--json")).stdout), { version: 1, ...path });
    const debug = (await ctl("debug", "path", "bob")).stdout;
    assert.match(debug, /^why not better +checks are under way$/m);
    assert.match(debug, /^own candidates +host \[2001:db8::1\]:51820$/m);
    assert.match(debug, /^2026-01-01T00:00:00\.000Z +ICE: checking$/m);
  });
});

Deno.test("ghostctl ping tells each answer, and fails when there was none", async () => {
  const ping = (rtt: number | null) => ({
    ping: ({ peer, count }: { peer: string; count: number }) => {
      if (peer !== "bob") return Promise.reject(new GhostError("not_found", `No peer "${peer}"`));
      assert.equal(count, 1);
      const rung = rtt === null ? "none" as const : "direct" as const;
      const path = rtt === null
        ? { rung, endpoint: null, why: "it is off, or cut off" }
        : { rung, endpoint: "192.0.2.7:51820", why: null };
      return Promise.resolve({ name: "bob", address: "100.64.3.4", replies: [{ seq: 1, rttMs: rtt, ...path }] });
    },
  });
  await withDaemon(ping(0.5), async (ctl) => {
    const ended = await ctl("ping", "bob", "--count", "2");
    assert.equal(ended.code, 0);
    assert.equal(
      ended.stdout,
      [1, 2].map((seq) => `bob (100.64.3.4) seq ${seq}: 0.5 ms, direct 192.0.2.7:51820\n`).join("") +
        "2 sent, 2 answered\n",
    );
    const unknown = await ctl("ping", "nobody");
    assert.deepEqual([unknown.code, unknown.stderr], [1, 'ghostctl: No peer "nobody"\n']);
  });
  await withDaemon(ping(null), async (ctl) => {
    const ended = await ctl("ping", "bob", "--count", "1", "--json");
    assert.equal(ended.code, 1);
    assert.deepEqual(JSON.parse(ended.stdout).replies, [
      { seq: 1, rttMs: null, rung: "none", endpoint: null, why: "it is off, or cut off" },
    ]);
    const { stdout } = await ctl("ping", "bob", "--count", "2");
    const line = (seq: number) => `bob (100.64.3.4) seq ${seq}: no answer, no path\n`;
    assert.equal(stdout, `${line(1)}not better, because it is off, or cut off\n${line(2)}2 sent, 0 answered\n`);
  });
});

Deno.test("ghostctl keys rotate and route list ask the daemon", async () => {
  const route = {
    prefix: "10.1.1.0/24",
    lan: null,
    via: "carol",
    node: ID,
    metric: 100,
    snat: true,
    active: false,
    reason: "no rule",
  };
  await withDaemon({
    rotate: () => Promise.resolve({ wg: "A".repeat(43), acknowledged: 2, peers: 3 }),
    routes: () => Promise.resolve({ routes: [route] }),
  }, async (ctl) => {
    assert.match((await ctl("keys", "rotate")).stdout, /2 of 3 peers acknowledged/);
    assert.deepEqual(JSON.parse((await ctl("route", "list", "--json")).stdout), { version: 1, routes: [route] });
    assert.match((await ctl("route", "list")).stdout, /10\.1\.1\.0\/24 +carol +100 +yes +no: no rule/);
  });
});

Deno.test("ghostctl says when daemon and ghostctl do not understand each other", async () => {
  const strange = { self: {} } as unknown as LocalStatus;
  await withDaemon({ status: () => Promise.resolve(strange) }, async (ctl) => {
    const ended = await ctl("status");
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /^ghostctl: .*ghostlink\.sock: The daemon's answer is not understood; /);
  });
});

Deno.test("ghostctl status says when the coordinator's draft differs, and does not mind when nobody answers", async () => {
  await using world = await World.make();
  const net = JSON.parse((await world.init("--json")).stdout).network.id;
  const status = { ...STATUS, network: { ...STATUS.network, id: net }, warnings: [] };
  await withDaemon({ status: () => Promise.resolve(status) }, async (_ctl, socket) => {
    const warnings = async () => (await world.json("status", "--socket", socket)).warnings;
    assert.deepEqual(await warnings(), []);
    const source = '[[allow]]\nfrom = ["*"]\nto = ["*"]\nports = ["icmp"]\n';
    world.draft = { source, sha256: await hashOf(source) };
    assert.match((await warnings())[0], /policy draft differs from the policy in force/);
    assert.equal((await world.ctl("policy", "push", await world.file("acls.toml", source))).code, 0);
    assert.deepEqual(await warnings(), []);
    const known = `${world.dir}/ctl/${net}.json`;
    const elsewhere = (await Deno.readTextFile(known)).replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1");
    await Deno.writeTextFile(known, elsewhere);
    assert.deepEqual(await warnings(), []);
  }, world.dir);
});

Deno.test("ghostctl hands each entry to this machine's daemon, and a daemon's ledger can be exported", async () => {
  await using world = await World.make();
  assert.equal((await world.init()).code, 0);
  const { ledger } = await (await world.app.network())!.replica.refresh();
  const handed: string[] = [];
  const answers: Partial<LocalHandlers> = {
    entries: (entries) => {
      handed.push(...entries);
      return Promise.resolve({ added: entries.length, head: ledger.head });
    },
    ledger: (from) => Promise.resolve({ entries: ledger.entries.slice(from), head: ledger.head }),
  };
  await withDaemon(answers, async (_, socket) => {
    assert.equal((await world.ctl("token", "create", "--socket", socket)).code, 0);
    await (await world.app.network())!.replica.refresh();
    assert.deepEqual(handed, [ledger.at(2)]);
    const copy = `${world.dir}/copy.jsonl`;
    const args = ["ledger", "export", copy, "--socket", socket, "--config-dir", `${world.dir}/none`, "--json"];
    const { stdout, stderr } = await world.ctl(...args);
    assert.equal(JSON.parse(stdout || "{}").source, "daemon", stderr);
    assert.deepEqual((await Deno.readTextFile(copy)).split("\n").slice(0, -1), ledger.entries);
  }, world.dir);
});

Deno.test("ghostctl without the daemon's secret reads status and peers and changes nothing", () =>
  withDaemon({ status: () => Promise.resolve(STATUS), peers: () => Promise.resolve(PEERS) }, async (_, socket) => {
    const read = socket.replace(/[^/]+$/, "read.sock");
    const ask = (...args: string[]) => ghostctl([...args, "--socket", socket], { open: [read] });
    assert.deepEqual(JSON.parse((await ask("peers", "--json")).stdout), { version: 1, peers: PEERS });
    assert.match((await ask("status")).stdout, /^machine +alice/);
    for (const verb of [["ping", "bob"], ["keys", "rotate"], ["down"], ["logs"]]) {
      const refused = await ask(...verb);
      assert.equal(refused.code, 3, refused.stderr);
      assert.match(refused.stderr, /May not talk to this daemon; .*root, or as a member of its \[link\] group/);
    }
  }));

Deno.test("ghostctl exit-node none without a daemon names what takes the kill switch away", async () => {
  const env = { GHOSTLINK_SOCKET: "/nowhere/ghostlink.sock" };
  const none = await ghostctl(["exit-node", "none"], { env });
  assert.deepEqual([none.code, /nft delete table inet ghostkill_ghost0/.test(none.stderr)], [3, true], none.stderr);
  assert.doesNotMatch((await ghostctl(["exit-node", "list"], { env })).stderr, /nft/);
});
