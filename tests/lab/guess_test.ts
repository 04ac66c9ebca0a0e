/** A symmetric NAT and a home router: only guessing makes a direct path, and WireGuard goes through the port that was hit. */
import assert from "node:assert/strict";
import { Lab } from "../../scripts/lab/lab.ts";
import { lossText, Ping } from "../../scripts/lab/ping.ts";
import { admit, createToken, joinLink, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { buildHomes, ROUTER_A } from "../../scripts/lab/topology.ts";
import { addressOf, labTest } from "./support.ts";

labTest("a symmetric NAT and a home router meet directly by guessing, without a lost packet", async () => {
  await using lab = new Lab();
  await buildHomes(lab, { alice: "apdm_apdf" });
  const [alice, bob, gate] = [lab.host("alice"), lab.host("bob"), lab.host("gate")];
  try {
    await startNetwork(lab, alice);
    const [link] = await admit(alice, [alice, bob]);
    await link!.line(/^bob: quic/);
    const ping = new Ping(alice, await addressOf(alice, "bob"), 10);
    await ping.first();
    // A guess hits with 99.9%; after one that did not, the next one follows.
    await waitForRung(alice, "bob", "direct", 90_000);
    const seen = await waitForRung(bob, "alice", "direct");
    const result = await ping.stop(2_000);
    assert.deepEqual(result.lost, [], lossText(result));
    assert.ok(seen.path.endpoint?.startsWith(`${ROUTER_A}:`), seen.path.endpoint ?? "no endpoint");
    const count = async () => Number((await gate.sh("cat /sys/class/net/eth0/statistics/rx_bytes")).stdout);
    const before = await count();
    const address = await addressOf(bob, "alice");
    const { stdout } = await bob.run(["ping", "-q", "-c", "300", "-i", "0.002", "-s", "1000", address]);
    assert.match(stdout, / 0% packet loss/);
    assert.ok(await count() - before < 100_000);
    type Check = { ipv4: { mapping: string; filtering: string }; gates: { rungs: string[] }[]; verdict: string[] };
    const [hard, easy] = [await alice.ctlJson<Check>(["netcheck"]), await bob.ctlJson<Check>(["netcheck"])];
    assert.equal(hard.ipv4.mapping, "address-and-port-dependent");
    assert.match(hard.verdict.join(), /every destination another port/);
    assert.deepEqual([easy.ipv4.mapping, easy.ipv4.filtering], [
      "endpoint-independent",
      "address-and-port-dependent",
    ]);
    assert.deepEqual([easy.verdict, easy.gates.map(({ rungs }) => rungs)], [[], [["lane", "quic", "turn"]]]);
    type Path = { rung: string; why: null; guess: string; timeline: { what: string }[] };
    const path = await alice.ctlJson<Path>(["debug", "path", "bob"]);
    assert.deepEqual([path.rung, path.why], ["direct", null]);
    assert.match(path.guess, /^joined port \d+$/);
    assert.ok(path.timeline.some(({ what }) => /^guess: hit, port \d+ joined$/.test(what)));
    const sockets = (await alice.sh("ss -Hlun | wc -l")).stdout;
    assert.ok(Number(sockets) < 30, `${sockets} UDP sockets are left`);
  } catch (error) {
    console.error(lab.logs(40));
    throw error;
  }
});

labTest("netcheck says so plainly when UDP is blocked, and what is left", async () => {
  await using lab = new Lab();
  await buildHomes(lab);
  const alice = lab.host("alice");
  const block = "table ip noudp { chain fw { type filter hook forward priority filter; meta l4proto udp drop; }; }";
  await lab.host("na").run(["nft", block]);
  await startNetwork(lab, alice);
  const link = joinLink(alice, await createToken(alice));
  await link.line(/No session with a gate/);
  const { stdout } = await alice.ctl(["netcheck"]);
  assert.match(stdout, /^UDP +no answer from any gate$/m, stdout);
  assert.match(stdout, /^no session with a gate: packets go through a gate's TURN service over TLS and TCP$/m, stdout);
});
