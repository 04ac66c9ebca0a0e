/**
 * Several gates: two near ones and one that is 60 ms away, and two nodes whose NATs allow no direct path. Homes, the place where
 * a pair meets, gates that die, are drained and say goodbye, under streams that are counted by sequence numbers.
 */
import assert from "node:assert/strict";
import { type Host, Lab } from "../../scripts/lab/lab.ts";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import {
  createToken,
  GATE_TOML,
  initNetwork,
  joinLink,
  peers,
  setupCode,
  startGate,
  startMesh,
  status,
} from "../../scripts/lab/programs.ts";
import { addHomes, addInternet, addPublic, blockLanes, COORDINATOR } from "../../scripts/lab/topology.ts";
import { addressOf, fixture, helper, inWindow } from "./support.ts";

const GATES = { g1: "203.0.113.20", g2: "203.0.113.21", far: "203.0.113.22" } as const;
type GateName = keyof typeof GATES;

interface World {
  lab: Lab;
  host(name: string): Host;
  gates: Record<GateName, Process>;
  /** bob's address in the network. */
  bob: string;
}

const config = (name: GateName) => GATE_TOML.replace("[relay]\n", `[relay]\nname = "${name}"\n`);

/** 60 ms each way in front of a gate. */
async function moveAway(gate: Host): Promise<void> {
  await helper(gate, "delay_udp", "60", "3478", "3479").line(/delaying/);
  await gate.sh(`nft -f - <<'END'
table ip distance {
  chain pre {
    type nat hook prerouting priority dstnat
    udp dport 3478 redirect to :3578
    udp dport 3479 redirect to :3579
  }
}
END`);
}

/** Cuts a router's LAN off from a gate; `uncut` takes it back. */
async function cut(router: Host, gate: GateName): Promise<void> {
  const rules = `add table ip cut
add chain ip cut fw { type filter hook forward priority filter; }
add rule ip cut fw ip daddr ${GATES[gate]} drop
add rule ip cut fw ip saddr ${GATES[gate]} drop`;
  await router.run(["nft", "-f", "-"], { stdin: rules });
}

async function uncut(router: Host): Promise<void> {
  await router.run(["nft", "delete", "table", "ip", "cut"]);
}

async function homeOf(host: Host): Promise<string | null> {
  return (await status(host)).home.gate;
}

/** Waits until a host has its home; on a busy machine the far gate may be the first to answer. */
async function nearHome(host: Host): Promise<Exclude<GateName, "far">> {
  return await waitFor(`a near home of ${host.name}`, async () => {
    const home = await homeOf(host) as GateName | null;
    return home !== "far" && home;
  });
}

async function make(): Promise<World> {
  const lab = new Lab();
  await addInternet(lab);
  await addPublic(lab, "coordinator", COORDINATOR);
  for (const [name, address] of Object.entries(GATES)) await addPublic(lab, name, address);
  await addHomes(lab, { alice: "apdm_apdf", bob: "apdm_apdf" });
  const host = (name: string) => lab.host(name);
  const mesh = await startMesh(host("coordinator"));
  await initNetwork(host("alice"), await setupCode(mesh));
  await moveAway(host("far"));
  const token = await createToken(host("alice"), "--gate", "--uses", "3");
  const start = (name: GateName) => startGate(host(name), { token, config: config(name) });
  const gates = { g1: await start("g1"), g2: await start("g2"), far: await start("far") };
  await Promise.all(Object.values(gates).map((gate) => gate.line(/in step with the coordinator/)));
  const nodes = await createToken(host("alice"), "--uses", "2");
  await joinLink(host("alice"), nodes).line(/ is up: /);
  const first = await nearHome(host("alice"));
  // So that bob's home is another one; hysteresis keeps it when he reaches both.
  await cut(host("nb"), first);
  await joinLink(host("bob"), nodes).line(/ is up: /);
  await nearHome(host("bob"));
  await uncut(host("nb"));
  return { lab, host, gates, bob: await addressOf(host("alice"), "bob") };
}

const world = fixture(make);

/** Waits until both ends have this rung at one gate, which is not `not`, and gives the gate. */
async function meetOn(w: World, rung: string, not?: string): Promise<string> {
  let seen = "";
  const at = async (from: string, to: string) => {
    const path = (await peers(w.host(from))).find((p) => p.name === to)?.path;
    return path?.rung === rung ? path.endpoint : null;
  };
  return await waitFor(`one gate for ${rung}, not ${not}`, async () => {
    const [a, b] = [await at("alice", "bob"), await at("bob", "alice")];
    seen = `${a} ${b}`;
    if (a === null || a !== b || a === not) throw new Error(`last seen: ${seen}`);
    return a;
  }, { every: 100 });
}

async function steadyStream(w: World): Promise<Ping> {
  const ping = new Ping(w.host("alice"), w.bob, 1);
  await ping.first();
  return ping;
}

world("a node homes on a near gate, and knows how far the far one is", async (w) => {
  const far = await waitFor("alice to have measured the far gate", async () => {
    const found = (await status(w.host("alice"))).gates.find((g) => g.name === "far");
    return found !== undefined && found.rttMs !== null && found;
  });
  assert.ok(far.rttMs! > 100, `${far.rttMs}`);
  const { home } = await status(w.host("alice"));
  assert.match(home.gate!, /^g[12]$/);
  assert.match(home.why!, /the nearest|none is much nearer/);
  assert.match((await w.host("alice").ctl(["status"])).stdout, /home +g[12]: /);
});

world("a pair with different homes meets on one gate and has its lane there", async (w) => {
  const [a, b] = [await homeOf(w.host("alice")), await homeOf(w.host("bob"))];
  assert.notEqual(a, b);
  const ping = await steadyStream(w);
  const gate = await meetOn(w, "lane");
  await ping.stop();
  const { stdout } = await w.host(gate).sh("nft list ruleset | sed -n '/set active/,/}/p'");
  assert.match(stdout, /elements = \{ \d+ \}/);
});

world("a gate under a lane is drained: the lane moves to another gate, and no packet is lost", async (w, t) => {
  const ping = await steadyStream(w);
  const from = await meetOn(w, "lane");
  const { stdout } = await w.host("alice").ctl(["gate", "drain", from]);
  assert.match(stdout, /is being emptied/);
  await meetOn(w, "lane", from);
  for (const name of ["alice", "bob"]) {
    await waitFor(`${name} to leave ${from}`, async () => {
      const gate = (await status(w.host(name))).gates.find((g) => g.name === from)!;
      return gate.draining && !gate.connected;
    });
    assert.notEqual(await homeOf(w.host(name)), from);
  }
  await ping.goesOn();
  const result = await ping.stop();
  assert.ok(
    await t.step(`drained ${from} under a lane: ${lossText(result)}`, () => assert.equal(result.lost.length, 0)),
  );
  await w.host("alice").ctl(["gate", "drain", from, "--off"]);
});

world("a gate under a lane dies without a word: traffic comes back through another one", async (w, t) => {
  const ping = await steadyStream(w);
  const from = await meetOn(w, "lane") as GateName;
  await w.gates[from].stop("SIGKILL");
  await w.host(from).run(["ip", "link", "set", "eth0", "down"]);
  await meetOn(w, "lane", from);
  await ping.goesOn();
  const result = await ping.stop();
  const gap = `longest gap ${result.longestGapMs.toFixed(0)} ms`;
  assert.ok(await t.step(`${from} dead: ${lossText(result)}, ${gap}`, () => inWindow(result)));
  for (const name of ["alice", "bob"]) {
    await waitFor(`another home of ${name}`, async () => ![null, from].includes(await homeOf(w.host(name)) as null));
  }
  await w.host(from).run(["ip", "link", "set", "eth0", "up"]);
  w.gates[from] = await startGate(w.host(from), { config: config(from) });
  await w.gates[from].line(/ready for sessions/);
  for (const name of ["alice", "bob"]) {
    await waitFor(
      `a session of ${name} with the gate that is back`,
      async () => (await status(w.host(name))).gates.find((g) => g.name === from)!.connected,
    );
  }
});

world("a gate under the quic rung is drained: packets go by another gate, and none is lost", async (w, t) => {
  for (const name of ["na", "nb"]) await blockLanes(w.host(name));
  await meetOn(w, "quic");
  await w.host("alice").ctl(["gate", "drain", "far"]); // answers from there would take longer than they are waited for
  const from = await waitFor("a near gate", async () => {
    const gate = await meetOn(w, "quic");
    return gate !== "far" && gate;
  });
  const ping = await steadyStream(w);
  await w.host("alice").ctl(["gate", "drain", from]);
  await meetOn(w, "quic", from);
  await ping.goesOn();
  const result = await ping.stop();
  assert.ok(
    await t.step(`drained ${from} under quic: ${lossText(result)}`, () => assert.equal(result.lost.length, 0)),
  );
  await w.host("alice").ctl(["gate", "drain", from, "--off"]);
});

world("a gate that is stopped says goodbye, and the pair is on another one", async (w, t) => {
  const ping = await steadyStream(w);
  const from = await meetOn(w, "quic") as GateName;
  assert.equal((await w.gates[from].stop("SIGTERM")).code, 0);
  const to = await meetOn(w, "quic", from);
  await ping.goesOn();
  const result = await ping.stop();
  const gap = `longest gap ${result.longestGapMs.toFixed(0)} ms`;
  assert.ok(await t.step(`${from} stopped, then ${to}: ${lossText(result)}, ${gap}`, () => inWindow(result)));
  w.gates[from] = await startGate(w.host(from), { config: config(from) });
  await w.gates[from].line(/ready for sessions/);
});

world("the last gate that is drained goes on serving, and the admin is told so", async (w) => {
  const alice = w.host("alice");
  const { gates } = await alice.ctlJson<{ gates: { name: string; draining: boolean }[] }>(["gate", "list"]);
  let told = "";
  for (const { name } of gates.filter((g) => !g.draining)) told = (await alice.ctl(["gate", "drain", name])).stderr;
  assert.match(told, /there is no other gate, so \w+ goes on serving/);
  await waitFor("alice to know", async () => (await status(alice)).gates.every((g) => g.draining));
  const ping = await steadyStream(w);
  await ping.goesOn();
  await ping.stop();
  assert.match((await status(alice)).home.why!, /no better one answers|the only gate/);
});
