/**
 * Rows 15 and 16 at the real gate: its QUIC port by a stranger, its TURN service by a member that has joined like any other. Whom its
 * relay reaches, what its mailbox and ports take, and whether an honest pair notices.
 */
import assert from "node:assert/strict";
import { HOME, type Host, Lab } from "../../../scripts/lab/lab.ts";
import { admit, createToken, runLink, startNetwork, waitForRung } from "../../../scripts/lab/programs.ts";
import { addPublic, buildHomes, COORDINATOR, GATE, ruleSet } from "../../../scripts/lab/topology.ts";
import { PROJECT } from "../../../scripts/lib/run.ts";
import { addressOf, coturnOf, fixture, reaches } from "../../lab/support.ts";

interface World {
  lab: Lab;
  host(name: string): Host;
  /** Each order by a member of its own: the mailbox takes few asks of one. */
  mallory<T>(order: string, ...args: string[]): Promise<T>;
  /** bob's address; alice and bob are on the turn rung. */
  bob: string;
}

async function make(): Promise<World> {
  const lab = new Lab();
  await buildHomes(lab);
  const mallory = await addPublic(lab, "mallory", "203.0.113.66");
  const host = (name: string) => lab.host(name);
  const { gate } = await startNetwork(lab, host("alice"));
  await gate.line(/ TURN /);
  await gate.line(/record published/);
  // The gate's host has them all: what its relay sends there would arrive, were it let out.
  for (const address of ["192.168.7.7", "10.7.7.7", "169.254.169.254", "100.64.7.7"]) {
    await host("gate").run(["ip", "address", "add", `${address}/32`, "dev", "lo"]);
  }
  for (const router of ["na", "nb"]) await host(router).run(["nft", "-f", ruleSet("udpblock")]);
  await admit(host("alice"), ["alice", "bob"].map(host));
  await waitForRung(host("alice"), "bob", "turn");
  const run = async <T>(order: string, ...args: string[]): Promise<T> => {
    const dir = `${HOME}/${order}`;
    const enrol = ["ghostlink", "join", "--enrol-only", "--server", COORDINATOR, "--auth", "-", "--name", order];
    const stdin = await createToken(host("alice"));
    await mallory.run([...enrol, "--state-dir", dir, "--socket", `${dir}.sock`], { stdin });
    const script = `${PROJECT}/tests/attacks/lab/testdata/mallory_turn.ts`;
    const argv = [Deno.execPath(), "run", "--quiet", "--no-prompt", `--config=${PROJECT}/deno.json`, "-P=test", script];
    const { stdout } = await mallory.run([...argv, dir, GATE, order, ...args]);
    return JSON.parse(stdout.trim().split("\n").at(-1)!);
  };
  return { lab, host, mallory: run, bob: await addressOf(host("alice"), "bob") };
}

const world = fixture(make);

world("row 15: the gate's relay reaches no loopback, metadata, private, mapped or overlay address", async (w) => {
  const { host } = w;
  const overlay = w.bob;
  const { stdout } = await host("alice").sh("ip -6 -br address show dev ghost0 | grep -o 'fd[0-9a-f:]*'");
  const forbidden = [
    ...["127.0.0.1", "127.7.7.7", "0.0.0.0", "169.254.169.254", "10.7.7.7", "192.168.7.7", "172.16.0.1", "100.64.7.7"],
    ...["::", "::1", "::ffff:127.0.0.1", "::ffff:10.7.7.7", "::ffff:169.254.169.254", "::7f00:1", "fe80::1"],
    ...["64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "255.255.255.255", overlay, stdout.trim()],
  ];
  const codes = await w.mallory<Record<string, number>>("permissions", ...forbidden, "203.0.113.30", GATE);
  for (const address of forbidden) assert.notEqual(codes[address], 0, `${address} was permitted`);
  // The proof that it was refused for what it is: an address of the internet, and the gate's own relay, are let through.
  assert.deepEqual([codes["203.0.113.30"], codes[GATE]], [0, 0]);
});

world("row 15: credentials are for who asks: no other's name, no replay, no other gate", async (w) => {
  assert.deepEqual(await w.mallory("asks"), { own: 1, replayed: 0 });
  assert.deepEqual(await w.mallory("forge", "alice"), [2], "the third of them alone is honest");
});

world(
  "row 16: a stranger gets no more bytes from the TURN service than it sends, and its flood is not answered",
  async (w) => {
    type Seen = Record<string, { sent: number; got: number; answers: number }>;
    const ping = w.host("alice").run(["ping", "-n", "-c", "200", "-i", "0.02", "-W", "3", w.bob], { codes: "any" });
    const seen = await w.mallory<Seen>("amplify");
    for (const what of ["binding", "short", "classic"]) assert.equal(seen[what]!.answers, 0, what);
    assert.ok(seen.filled!.answers > 0, "a whole request is answered");
    for (const [what, { sent, got }] of Object.entries(seen)) {
      assert.ok(
        got <= sent,
        `${what}: ${got} bytes for ${sent}`,
      );
    }
    assert.ok(seen.flood!.answers < 1_500, `${seen.flood!.answers} answers to 5000`);
    assert.match((await ping).stdout, /200 packets transmitted, 200 received/);
  },
);

world(
  "row 16: first packets too small for QUIC, of a connection that the gate turned away, get no answer",
  async (w) => {
    const script = `${PROJECT}/tests/attacks/lab/testdata/mallory_quic.ts`;
    const argv = [Deno.execPath(), "run", "--quiet", "--no-prompt", `--config=${PROJECT}/deno.json`, "-P=test", script];
    const { stdout } = await w.host("mallory").run([...argv, GATE]);
    const seen = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, { sent: number; got: number }>;
    for (const [what, { sent, got }] of Object.entries(seen)) {
      assert.ok(got > 0 && got <= sent, `${what}: ${got} bytes for ${sent}`);
    }
  },
);

world("row 16: a flood of asks fills no mailbox, and an honest machine still gets credentials", async (w) => {
  assert.deepEqual(await w.mallory("flood"), { taken: 4, refused: ["too_many"] });
  const [alice, gate] = [w.host("alice"), w.host("gate")];
  await gate.run(["kill", "-9", String(await coturnOf(gate))]);
  await reaches(alice, w.bob);
  // A daemon that has just been started holds none.
  await alice.processes.find((p) => / ghostlink/.test(p.name))!.stop();
  await runLink(alice).line(/ is up: /);
  await waitForRung(alice, "bob", "turn", 60_000);
  await reaches(alice, w.bob);
});
