/**
 * Row 18: a gate in an enemy's hands, against real daemons. Alice and bob have no direct path here, so every packet and signal
 * of theirs crosses the hostile gate; carol has direct paths.
 */
import assert from "node:assert/strict";
import type { Host } from "../../../scripts/lab/lab.ts";
import { HOME, Lab } from "../../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../../scripts/lab/process.ts";
import {
  createToken,
  GATE_TOML,
  peers,
  startGate,
  startNetwork,
  status,
  waitForRung,
} from "../../../scripts/lab/programs.ts";
import { addPublic, blockUdp, buildHomes, GATE, ROUTER_A, ROUTER_B } from "../../../scripts/lab/topology.ts";

import { sealBox } from "../../../mesh/trust/seal.ts";
import { fromBase32, utf8 } from "../../../mesh/wire/encoding.ts";
import type { NodeRecord } from "../../../mesh/wire/record.ts";
import { addressOf, fixture, joinThree, reaches } from "../../lab/support.ts";
import { payloadOf } from "../forge.ts";
import { attacker } from "../forgeries.ts";
import type { GateOrder, GateSeen } from "../hostile_gate.ts";
import { holdings, Hostile, startHostile } from "./hostile.ts";

const TRAP_PORT = 5999;
const GATE2 = "203.0.113.21";
const MEMBERS = ["alice", "bob", "carol"] as const;

interface Captured {
  lab: Lab;
  gate: Hostile<GateOrder>;
  gate2: Process;
  links: Record<(typeof MEMBERS)[number], Process>;
  host(name: string): Host;
  id: Record<(typeof MEMBERS)[number], string>;
}

async function captured(): Promise<Captured> {
  const lab = new Lab();
  await buildHomes(lab);
  await addPublic(lab, "gate2", GATE2);
  const host = (name: string) => lab.host(name);
  const { gate: honest } = await startNetwork(lab, host("alice"));
  await honest.line(/in step|session|listen|published|coordinator/i);
  await waitFor(
    "the gate's record",
    async () =>
      (await host("gate").run(["grep", "-q", '"published":\\s*true', "/var/lib/ghostgate/network.json"], {
        codes: "any",
      })).code === 0,
  );
  await honest.stop("SIGTERM");
  const program = startHostile(host("gate"), "hostile_gate.ts", "/var/lib/ghostgate", `${HOME}/orders`, `${HOME}/seen`);
  await program.line(/is hostile/);
  const gate = new Hostile<GateOrder>(host("gate"), program);
  await blockUdp(host("na"), ROUTER_B);
  await blockUdp(host("nb"), ROUTER_A);
  const links = await joinThree(host);
  await waitForRung(host("alice"), "bob", "quic");
  await waitForRung(host("alice"), "carol", "direct");
  await waitForRung(host("bob"), "carol", "direct");
  const ids = await Promise.all(MEMBERS.map(async (name) => (await status(host(name))).self.id));
  // The second gate comes later: everybody's home is the hostile one.
  // It has no lanes: what crosses a gate crosses the hostile one.
  const config = GATE_TOML.replace("[relay]\n", '[relay]\nlanes = ""\n');
  const gate2 = await startGate(host("gate2"), { token: await createToken(host("alice"), "--gate"), config });
  await gate2.line(/ready for sessions/);
  const it = { lab, gate, gate2, links, host, id: { alice: ids[0]!, bob: ids[1]!, carol: ids[2]! } };
  await relayed(it);
  return it;
}

const test = fixture(captured);

/** Alice reaches bob by the hostile gate. */
async function relayed(net: Captured): Promise<void> {
  await reaches(net.host("alice"), await addressOf(net.host("alice"), "bob"));
}

/** Ends all sessions with the gate, which is honest now, and waits until all machines have another one. */
async function everybodyHere(net: Captured): Promise<void> {
  const { auths } = await got(net);
  await net.gate.order({ do: "honest" }, { do: "cut" });
  await waitFor("all machines to come again", async () => (await got(net)).auths >= auths + MEMBERS.length);
}

async function got(net: Captured): Promise<GateSeen> {
  return JSON.parse((await net.host("gate").run(["cat", `${HOME}/seen`])).stdout) as GateSeen;
}

/** Peers, routes and rules stay as they were, and the daemons run on. */
async function changesNothing(net: Captured, attack: () => Promise<void>): Promise<void> {
  const look = async () =>
    await Promise.all(MEMBERS.map(async (name) => {
      const { peers, routes } = await holdings(net.host(name));
      return { peers, routes };
    }));
  const before = await look();
  await attack();
  assert.deepEqual(await look(), before);
  for (const link of Object.values(net.links)) assert.ok(link.running, link.tail());
}

/** Every endpoint that WireGuard sends to anywhere. */
async function endpoints(net: Captured): Promise<string> {
  const all = await Promise.all(MEMBERS.map((name) => net.host(name).run(["wg", "show", "all", "endpoints"])));
  return all.map((output) => output.stdout).join("");
}

test("row 18: a gate that swaps peers passes nothing from one as another", async (net) => {
  const { alice, bob, carol } = net.id;
  await changesNothing(net, async () => {
    for (
      const order of [
        { do: "swap", from: alice, as: carol },
        { do: "swap", from: bob, as: alice },
        { do: "misroute", to: bob, instead: carol },
      ] as const
    ) {
      await net.gate.order(order);
      const address = await addressOf(net.host("alice"), "bob");
      await net.host("alice").run(["ping", "-c", "3", "-i", "0.2", "-W", "1", address], { codes: "any" });
      await net.gate.order({ do: "honest" });
    }
    await relayed(net);
  });
  const rungs = (await peers(net.host("bob"))).map((p) => [p.name, p.path.rung]).sort();
  assert.deepEqual(rungs, [["alice", "quic"], ["carol", "direct"]]);
});

test("row 18: boxes that a gate seals itself, opens to others or sends again bring nothing about", async (net) => {
  const { alice, bob, carol } = net.id;
  const record = payloadOf<NodeRecord>(
    (await recordsAt(net.host("alice"))).find((jws) => payloadOf<NodeRecord>(jws).name === "bob")!,
  );
  const mallory = await attacker();
  const candidate = { type: "host", address: GATE, port: TRAP_PORT, priority: 2130706431, foundation: "a" };
  const ice = { t: "ice", ufrag: "evil", pwd: "evilevilevilevilevilevil", reply: false, candidates: [candidate] };
  const seal = async (n: number, from: string) =>
    await sealBox({
      plain: utf8(JSON.stringify({ v: 1, n, head: { seq: 0, hash: "A".repeat(43) }, body: ice })),
      net: record.net,
      from: { id: from, key: mallory.box },
      to: { id: bob, seal: record.seal },
    });
  await changesNothing(net, async () => {
    for (const from of [alice, carol, mallory.id]) {
      await net.gate.order({ do: "tell", to: bob, message: { t: "signal", from, box: await seal(Date.now(), from) } });
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal((await got(net)).trap, 0, "bob sends to an address that the gate made up");
    // Who answered would answer every time; the pair's own tries to meet directly fall into some looks, hardly into five.
    let answers = Infinity;
    for (let look = 0; look < 5 && answers > 0; look++) {
      const before = (await got(net)).signals.length;
      await net.gate.order({ do: "replay", times: 3 });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      answers = (await got(net)).signals.length - before;
    }
    assert.equal(answers, 0, "an old message is answered again");
    await relayed(net);
  });
  assert.doesNotMatch(await endpoints(net), new RegExp(GATE.replaceAll(".", "\\.")));
});

test("row 18: packets that a gate replays, changes, cuts or makes up reach nobody's programs", async (net) => {
  const [alice, bob] = [net.host("alice"), net.host("bob")];
  const { interface: iface } = (await status(bob)).self;
  const address = await addressOf(alice, "bob");
  await alice.run(["ping", "-c", "2", "-W", "1", address], { codes: "any" });
  const icmp = async () => Number((await bob.sh("awk '/^Icmp: [0-9]/ {print $9}' /proc/net/snmp")).stdout);
  const errors = async () => (await bob.run(["wg", "show", iface, "allowed-ips"])).stdout.split("\n").toSorted();
  const before = { echoes: await icmp(), allowed: await errors() };
  await net.gate.order({ do: "replay", times: 3 });
  const from = (id: string) => Array.from(fromBase32(id), (b) => b.toString(16).padStart(2, "0")).join("");
  for (const id of [net.id.alice, net.id.carol, (await attacker()).id]) {
    for (
      const hex of [
        `01${from(id)}04000000${"00".repeat(60)}`,
        `01${from(id)}01000000${"ff".repeat(144)}`,
        `01${from(id)}${"45".repeat(1500)}`,
        `02${from(id)}0001${"00".repeat(600)}`,
        `03${from(id)}0001${"00".repeat(600)}`,
        `ff${from(id)}00`,
        `01${from(id)}`,
        "01",
        "",
      ]
    ) await net.gate.order({ do: "frame", to: net.id.bob, hex });
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual({ echoes: await icmp(), allowed: await errors() }, before);
  await relayed(net);
});

test("row 18: malformed control messages end the session at most, and it comes again", async (net) => {
  const { bob } = net.id;
  const frame = (text: string) => {
    const body = Array.from(utf8(text), (b) => b.toString(16).padStart(2, "0")).join("");
    return (body.length / 2).toString(16).padStart(8, "0") + body;
  };
  await changesNothing(net, async () => {
    for (
      const hex of [
        "ffffffff",
        "00010001",
        "00000000",
        frame("{}"),
        frame("[".repeat(30_000)),
        frame('{"t":"welcome","observed":"x","lanes":false,"head":{"seq":0,"hash":"x"}}'),
        frame('{"t":"challenge"}'),
        frame(`{"t":"signal","from":"${"a".repeat(26)}","box":"${"A".repeat(16_000)}"}`),
        frame('{"t":"presence","node":"../../x","up":true}'),
        frame('{"t":"head","head":{"seq":9007199254740993,"hash":"x"}}'),
        frame('{"t":"record"}'),
        frame('{"t":"constructor","__proto__":{}}'),
        "000000040000ffff",
      ]
    ) {
      await net.gate.order({ do: "bytes", to: bob, hex });
      await waitFor("bob's session", async () => (await status(net.host("bob"))).gates.some((g) => g.connected));
    }
    await net.gate.order({ do: "tell", to: bob, message: { t: "presence", node: (await attacker()).id, up: true } });
    await net.gate.order({ do: "tell", to: bob, message: { t: "presence", node: net.id.alice, up: false } });
    const { hellos } = await got(net);
    await net.gate.order({ do: "cut" });
    await waitFor("all machines to come again", async () => (await got(net)).hellos >= hellos + 3);
    await waitForRung(net.host("alice"), "bob", "quic");
    await relayed(net);
  });
});

test("row 18: who cannot prove to be the gate of the record gets no session and no proof of the node's", async (net) => {
  for (
    const about of [
      "no signature",
      "own key for another",
      "another certificate",
      "another nonce",
      "role node",
      "another network",
      "old proof",
    ] as const
  ) {
    await everybodyHere(net);
    const before = await got(net);
    await net.gate.order({ do: "lie", about }, { do: "cut" });
    await waitFor(`machines to try a gate with ${about}`, async () => (await got(net)).hellos >= before.hellos + 3);
    assert.equal((await got(net)).auths, before.auths, about);
    const hostile = (await gatesOf(net.host("bob"))).get(net.host("gate").name);
    assert.notEqual(hostile, true, about);
  }
  await everybodyHere(net);
  await waitForRung(net.host("alice"), "bob", "quic");
});

test("row 18: a handshake that is handed on to another gate ends at the node", async (net) => {
  const cert = await certOf(net, "gate2");
  await everybodyHere(net);
  const before = (await got(net)).auths;
  await net.gate.order({ do: "relay", host: GATE2, port: 3478, cert }, { do: "cut" });
  await waitFor("handshakes that were handed on", async () => (await got(net)).relayed.length >= 3);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { relayed: ends, auths } = await got(net);
  assert.equal(auths, before, "a node proved itself to the wrong gate");
  assert.ok(ends.every((end) => end === "challenge"), ends.join());
  await net.gate.order({ do: "honest" }, { do: "cut" });
  await waitForRung(net.host("alice"), "bob", "quic");
});

test("row 18: who answers at another gate's address, with or without its TLS key, gets no session", async (net) => {
  const host = net.host("gate2");
  await net.gate2.stop("SIGTERM");
  await host.sh("mkdir -p stolen && cp /var/lib/ghostgate/certificate.json stolen/real.json");
  // The identity of somebody else, first with a certificate of its own, then with the stolen one.
  await host.write("stolen/identity.json", await identityOf());
  await host.write(
    "stolen/certificate.json",
    (await net.host("gate").run(["cat", "/var/lib/ghostgate/certificate.json"])).stdout,
  );
  const seenAt2 = async () => JSON.parse((await host.run(["cat", `${HOME}/seen`])).stdout) as GateSeen;
  const one = startHostile(host, "hostile_gate.ts", `${HOME}/stolen`, `${HOME}/orders`, `${HOME}/seen`);
  await one.line(/is hostile/);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal((await seenAt2()).hellos, 0, "a node spoke to a gate with another certificate");
  await one.stop("SIGTERM");
  await host.sh("cp stolen/real.json stolen/certificate.json");
  const two = startHostile(host, "hostile_gate.ts", `${HOME}/stolen`, `${HOME}/orders`, `${HOME}/seen`);
  await two.line(/is hostile/);
  await waitFor("machines to try the impostor", async () => (await seenAt2()).hellos >= 1, { timeout: 40_000 });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal((await seenAt2()).auths, 0);
  assert.equal((await gatesOf(net.host("bob"))).get("gate2"), false);
  await two.stop("SIGTERM");
});

async function identityOf(): Promise<string> {
  const { sign } = await attacker("impostor");
  return JSON.stringify({ seed: sign.seed, public: sign.public });
}

/** Which gates a machine has a session with, by name. */
async function gatesOf(host: Host): Promise<Map<string, boolean>> {
  return new Map((await status(host)).gates.map((gate) => [gate.name, gate.connected]));
}

async function recordsAt(host: Host): Promise<string[]> {
  return (JSON.parse((await host.run(["cat", "/var/lib/ghostlink/records.json"])).stdout) as { nodes: string[] }).nodes;
}

async function certOf(net: Captured, name: string): Promise<string> {
  const { record } = JSON.parse((await net.host(name).run(["cat", "/var/lib/ghostgate/network.json"])).stdout) as {
    record: string;
  };
  return payloadOf<{ cert: string }>(record).cert;
}
