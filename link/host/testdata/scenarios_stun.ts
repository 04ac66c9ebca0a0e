/** WireGuard and ICE on one port, behind a host firewall that lets only answers in. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import { systemRunner } from "../../../mesh/host/runner.ts";
import { stunCrypto } from "../crypto.ts";
import { IceHub } from "../ice_hub.ts";
import { LinkTable } from "../nft.ts";
import { checkTools, runTool } from "../tools.ts";
import { connected, NO_PARTS } from "./scenarios_tunnel.ts";
import { helper, WG_PORT } from "./world.ts";

/** What ufw and firewalld come down to. */
const HOST_FIREWALL = `table inet host_firewall {
  chain input { type filter hook input priority filter; policy drop;
    iifname "lo" accept
    iifname "ghost-b" accept
    ct state established,related accept
    meta l4proto ipv6-icmp accept
  }
}
`;

/** Checks from ICE's socket leave from WireGuard's port and their answers come back to it, while data flows; others are dropped. */
export async function stunSharing(programs?: readonly string[]): Promise<void> {
  const { a, b } = await connected(programs);
  const loaded = await b.runner.run(b.tools.nft, ["-f", "-"], { stdin: HOST_FIREWALL });
  assert.equal(loaded.code, 0, loaded.stderr);
  await b.ping("100.64.0.1", { count: 2, interval: 0.01 }); // connection tracking began with the firewall
  for (const [any, own, peer] of [["0.0.0.0", "10.0.0.1", "10.0.0.2"], ["::", "fd00:a::1", "fd00:a::2"]] as const) {
    const answering = await helper(a, "./stun_socket.ts", [any, "51821", "answer"]);
    const load = a.ping("100.64.0.2", { count: 1500, interval: 0.002 });
    const asking = await helper(b, "./stun_socket.ts", [any, "51821", "send", own, `${WG_PORT}`, "200"]);
    await asking.ended;
    assert.equal(asking.lines[1], `answers 200 from ${own} ${WG_PORT}`);
    assert.equal(answering.lines[1], `request ${peer} ${WG_PORT}`);
    assert.equal(answering.lines.length, 2);
    await answering.stop();
    assert.equal(await load, "1500 packets transmitted, 1500 received");

    // Unsolicited: another port of a knocks at b's.
    const closed = await helper(b, "./stun_socket.ts", [any, "51821", "answer"]);
    const knocking = await helper(a, "./stun_socket.ts", [any, "5555", "send", peer, `${WG_PORT}`, "5"]);
    await knocking.ended;
    assert.equal(knocking.lines[1], "answers 0 from ");
    assert.deepEqual(closed.lines, ["ready"]);
    await closed.stop();
  }
  await a.close();
  await b.close();
}

/** The hub tells by itself whether the table is in force: not when it was removed, emptied, or made to sleep; each is mended. */
export async function portShared(): Promise<void> {
  const tools = await checkTools(systemRunner);
  const run = async (tool: "ip" | "nft", args: string) =>
    void await runTool(systemRunner, [tools[tool], ...args.split(" ")]);
  await run("ip", "link set lo up");
  const hub = new IceHub({ log: createLog("hub", { level: "error" }), crypto: stunCrypto, clock: () => 0 });
  hub.setHost([], WG_PORT);
  const table = new LinkTable({ runner: systemRunner, tools, iface: "ghost0" });
  const parts = { ...NO_PARTS, wgPort: WG_PORT, stunPort: hub.port };
  const list = async () => (await systemRunner.run(tools.nft, ["list", "table", "inet", "ghostlink_ghost0"])).stdout;
  assert.equal(await hub.portSeen(), "other");
  await table.load(parts);
  assert.equal(await hub.portSeen(), "shared");
  const whole = await list();
  for (
    const [harm, loss] of [
      ["flush ruleset", "gone"],
      ["delete table inet ghostlink_ghost0", "gone"],
      ["flush table inet ghostlink_ghost0", "emptied"],
      ["add table inet ghostlink_ghost0 { flags dormant; }", "emptied"],
    ] as const
  ) {
    await run("nft", harm);
    assert.notEqual(await list(), whole, harm);
    assert.equal(await hub.portSeen(), "other", harm);
    assert.equal(await table.ensure({ emptiedAt: table.loads }), loss);
    assert.equal(await hub.portSeen(), "shared", harm);
    assert.equal(await list(), whole, harm);
  }
  assert.equal(await table.ensure(), null);
  const { loads } = table;
  await table.load({ ...parts, carried: [{ prefix: "10.1.0.0/16", snat: false }] });
  assert.equal(await table.ensure({ emptiedAt: loads }), null, "loaded since");
  const loading = table.load(parts);
  await Promise.resolve();
  const during = table.loads;
  await loading;
  assert.equal(await table.ensure({ emptiedAt: during }), null, "a load was under way");
  await run("ip", "link set lo down");
  assert.equal(await hub.portSeen(), "none");
  hub.close();
}
