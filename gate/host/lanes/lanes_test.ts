import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { systemRunner } from "../../../mesh/host/runner.ts";
import type { LanePath } from "../../core/lanes/lane.ts";
import { until } from "../testing.ts";
import { KernelLanes } from "./kernel.ts";
import { Loops } from "./loops.ts";

const log = createLog("test", { level: "error", write: () => {} });
const path = (a: string, b: string): LanePath => [
  { address: a, port: 1, local: "203.0.113.20" },
  { address: b, port: 2, local: "203.0.113.20" },
];

/** An nft that keeps what it took and can be told to take nothing. */
class Nft implements Runner {
  spawn = systemRunner.spawn;
  broken = false;
  tproxy = true;
  readonly took: string[] = [];

  run(_cmd: string, args: readonly string[], o: { stdin?: string | Uint8Array } = {}) {
    if (this.broken || !this.tproxy && /tproxy/.test(String(o.stdin))) {
      return Promise.resolve({ code: 1, stdout: "", stderr: "Error: Operation not supported" });
    }
    if (args[0] === "-f") this.took.push(String(o.stdin));
    return Promise.resolve({ code: 0, stdout: "", stderr: "" });
  }
}

Deno.test("KernelLanes says when the kernel takes nothing, and has all of its lanes there once it does again", async () => {
  const nft = new Nft();
  let lost = 0;
  const rules = {
    table: "t",
    ports: { first: 40_000, last: 40_009 },
    control: 40_000,
    quic: 3_478,
    stun: () => {},
    nodeRate: null,
    networkRate: null,
    joins: true,
    guards: [],
  };
  const kernel = new KernelLanes({ runner: nft, nft: "/usr/sbin/nft", log, rules, lost: () => lost++ });
  await kernel.load();
  kernel.set(40_001, { port: 40_001, path: path("198.51.100.1", "198.51.100.2"), payers: [1, 2] });
  await until("the first lane", () => nft.took.length === 2);
  nft.broken = true;
  kernel.set(40_002, { port: 40_002, path: path("198.51.100.3", "198.51.100.4"), payers: [3, 4] });
  await until("the word", () => lost === 1);
  assert.equal(kernel.carries, false);
  kernel.set(40_001, null);
  nft.broken = false;
  await kernel.load();
  assert.equal(kernel.carries, true);
  const table = nft.took.at(-1)!;
  assert.match(table, /tproxy ip to/);
  assert.match(table, /198\.51\.100\.3/);
  assert.doesNotMatch(table, /198\.51\.100\.1/);
  nft.tproxy = false; // a kernel without it carries lanes all the same
  await kernel.load();
  assert.equal(kernel.carries, true);
  assert.equal(nft.took.at(-1)!, table.replace(/chain joined \{[^}]*\}\n/, ""));
  await kernel.close();
});

Deno.test("Loops passes no more than a node's rate, and counts what it dropped", async () => {
  const peers = [0, 1].map(() => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
  const [a, b] = peers as [Deno.DatagramConn, Deno.DatagramConn];
  const portOf = (socket: Deno.DatagramConn) => (socket.addr as Deno.NetAddr).port;
  const probe = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const port = portOf(probe);
  probe.close();
  const loops = new Loops({ hostname: "127.0.0.1", nodeRate: 1, networkRate: null, now: () => 0, control: () => {} });
  loops.open(port);
  const end = (socket: Deno.DatagramConn) => ({ address: "127.0.0.1", port: portOf(socket), local: null });
  loops.set(port, [end(a), end(b)], ["a", "b"]);
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const packet = new Uint8Array(1_000).fill(4);
  for (let n = 1; n <= 300; n++) {
    await a.send(packet, to);
    // One by one, so that no socket's buffer loses any.
    await until("the packet's end", () => loops.counts().packets + loops.counts().limited === n);
  }
  // 256 KiB at once, and a byte a second.
  assert.deepEqual(loops.counts(), { packets: 262, bytes: 262_000, unproved: 0, limited: 38 });
  await b.send(packet, to);
  await until("the other node's packet", () => loops.counts().packets === 263);
  assert.deepEqual(loops.used(), [port]);
  assert.deepEqual(loops.used(), []);
  loops.closeAll();
  assert.equal(loops.counts().packets, 263, "sums outlive their lanes");
  for (const socket of peers) socket.close();
});
