/**
 * Our ICE and STUN with those of others, through real NATs: Debian's aioice as the peer, whichever end leads; the gate's STUN
 * asked by aioice and by coturn's client. (turn_test.ts has our client at coturn.)
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Host, Lab } from "../../scripts/lab/lab.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { createToken, initNetwork, setupCode, startGate, startMesh } from "../../scripts/lab/programs.ts";
import { CAROL, COORDINATOR, GATE, plug, ROUTER_B } from "../../scripts/lab/topology.ts";
import { emptyHomes, fixture, helper, PROJECT } from "./support.ts";

const MEET_PORT = "7800";
const STUN_PORT = "3478";
const ALICE = "10.9.1.2";
type Role = "controlling" | "controlled";

async function make(): Promise<Lab> {
  const lab = await emptyHomes();
  const mesh = await startMesh(lab.host("coordinator"));
  await initNetwork(lab.host("alice"), await setupCode(mesh));
  const gate = await startGate(lab.host("gate"), { token: await createToken(lab.host("alice"), "--gate") });
  await gate.line(/record published/);
  await plug(lab, lab.host("carol"), "eth6", "2001:db8::30");
  await plug(lab, lab.host("coordinator"), "eth6", "2001:db8::10");
  await helper(lab.host("coordinator"), "ice_meet", MEET_PORT).line(/meeting/);
  return lab;
}

const world = fixture(make);

function ghost(host: Host, role: Role, address: string): Process {
  return helper(host, "ice_ghost", COORDINATOR, MEET_PORT, GATE, STUN_PORT, role, address);
}

function aioice(host: Host, role: Role, ...more: string[]): Process {
  const program = join(PROJECT, "tests", "lab", "testdata", "ice_aioice.py");
  return host.spawn("aioice", ["/usr/bin/python3", program, COORDINATOR, MEET_PORT, GATE, STUN_PORT, role, ...more]);
}

/**
 * Lets both find each other until each is connected and data crosses both ways, and then ends them.
 * @param before what is to be seen while they are connected
 * @returns the roles in which they ended, and what ours took the other's address for
 */
async function meet(
  ours: Process,
  theirs: Process,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<{ role: string; theirRole: string; type: string }> {
  try {
    const { match: [, theirRole] } = await theirs.line(/^connected (\w+)$/);
    await ours.line(/^heard echo ping \d+$/);
    const { match: [, role, type] } = await ours.line(/^selected (\w+) \S+ \S+ (\w+)$/);
    await before();
    return { role: role!, theirRole: theirRole!, type: type! };
  } finally {
    await Promise.all([ours.stop(), theirs.stop("SIGKILL")]);
  }
}

world("ours leads, aioice follows, each behind a NAT; consent ends when aioice dies", async (lab) => {
  const ours = ghost(lab.host("alice"), "controlling", ALICE);
  const theirs = aioice(lab.host("bob"), "controlled");
  const { role, theirRole } = await meet(ours, theirs, async () => {
    assert.doesNotMatch(ours.text, /^consentLost$/m);
    await theirs.stop("SIGKILL");
    await ours.line(/^consentLost$/);
  });
  assert.deepEqual([role, theirRole], ["controlling", "controlled"]);
  assert.match(theirs.text, /^candidate srflx 203\.0\.113\.3 \d+$/m, "what aioice learnt from the gate");
});

world("aioice leads, ours follows", async (lab) => {
  const theirs = aioice(lab.host("bob"), "controlling");
  const { role, theirRole } = await meet(ghost(lab.host("alice"), "controlled", ALICE), theirs);
  assert.deepEqual([role, theirRole], ["controlled", "controlling"]);
});

for (const both of ["controlling", "controlled"] as const) {
  world(`both begin as ${both}: the conflict is settled and one of each is left`, async (lab) => {
    const theirs = aioice(lab.host("bob"), both);
    const { role, theirRole } = await meet(ghost(lab.host("alice"), both, ALICE), theirs);
    assert.deepEqual([role, theirRole].sort(), ["controlled", "controlling"]);
  });
}

world("aioice says nothing of its addresses: its checks alone give ours a peer-reflexive pair", async (lab) => {
  const theirs = aioice(lab.host("bob"), "controlled", "silent");
  assert.equal((await meet(ghost(lab.host("carol"), "controlling", CAROL), theirs)).type, "prflx");
});

world("over IPv6", async (lab) => {
  const theirs = aioice(lab.host("coordinator"), "controlling");
  const ours = ghost(lab.host("carol"), "controlled", "2001:db8::30");
  await meet(ours, theirs);
  assert.match(ours.text, /^selected controlled \[2001:db8::30\]:51820 \[2001:db8::10\]:\d+ host$/m);
});

world("coturn's client learns its address from the gate", async (lab) => {
  const { stdout } = await lab.host("bob").run(["turnutils_stunclient", "-p", STUN_PORT, GATE]);
  assert.match(stdout, new RegExp(`UDP reflexive addr: ${ROUTER_B}:\\d+`));
});
