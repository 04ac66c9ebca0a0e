/** The lanes' service beside a kernel that is made up: what it does to the host as the host changes. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { HostWatch } from "../host_watch.ts";
import { until } from "../testing.ts";
import { LaneService } from "./service.ts";

/** A sysctl over a map, and an nft that takes everything. */
class Kernel {
  readonly values = new Map([["kernel/random/boot_id", "boot-1"]]);
  readonly tables: string[] = [];

  readonly run = (program: string, args: readonly string[], o: { stdin?: string | Uint8Array } = {}) => {
    const answer = (code: number, stdout: string) => Promise.resolve({ code, stdout, stderr: "" });
    if (program.endsWith("/nft")) {
      if (args[0] === "-f") this.tables.push(String(o.stdin));
      return answer(0, "");
    }
    const [key, value] = args.at(-1)!.split("=") as [string, string | undefined];
    if (value !== undefined) this.values.set(key, value);
    return answer(0, `${this.values.get(key) ?? "0"}\n`);
  };

  forwards = (iface: string) => this.values.get(`net/ipv4/conf/${iface}/forwarding`);
  guards = (iface: string) => this.tables.at(-1)?.includes(`iifname "${iface}" drop`);
}

Deno.test("LaneService lets interfaces forward that come later, guards them, and takes it back from those that go", async () => {
  const kernel = new Kernel();
  const stateDir = await Deno.makeTempDir();
  let addresses = [{ address: "192.0.2.1", iface: "eth0" }]; // not this machine's
  let looks = 0;
  using watch = new HostWatch(() => (looks++, addresses), 5);
  const service = await LaneService.open({
    hostname: "0.0.0.0",
    ports: { first: 40_000, last: 40_009 },
    quic: 3_478,
    stun: () => {},
    nodeRate: null,
    networkRate: null,
    watch,
    stateDir,
    runner: kernel as unknown as Runner,
    log: createLog("test", { level: "error", write: (line) => assert.fail(line) }),
    now: () => 0,
  });
  assert.equal(service.mode, "kernel");
  assert.deepEqual([kernel.forwards("eth0"), kernel.guards("eth0")], ["1", true]);
  addresses = [...addresses, { address: "192.0.2.2", iface: "eth1" }];
  await until("the second interface", () => kernel.forwards("eth1") === "1" && kernel.guards("eth1"));
  assert.ok(kernel.guards("eth0"));
  // The same interfaces with more addresses, in another order: nothing to do.
  const loads = kernel.tables.length;
  addresses = [...addresses, { address: "192.0.2.3", iface: "eth0" }].reverse();
  const seen = looks;
  await until("some looks more", () => looks > seen + 20);
  assert.equal(kernel.tables.length, loads);
  addresses = addresses.filter(({ iface }) => iface !== "eth0");
  await until("the first interface's end", () => kernel.forwards("eth0") === "0" && !kernel.guards("eth0"));
  assert.deepEqual([kernel.forwards("eth1"), kernel.guards("eth1")], ["1", true]);
  await service.close();
  assert.equal(kernel.forwards("eth1"), "0");
  await Deno.remove(stateDir, { recursive: true });
});
