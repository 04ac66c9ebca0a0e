import assert from "node:assert/strict";
import { join } from "node:path";
import type { Runner } from "../../mesh/host/runner.ts";
import { lastResortMetric } from "../core/plan/mod.ts";
import { IpTool } from "./ip.ts";
import { LastResort } from "./last_resort.ts";

const PREFIX = "fd11:2:3::/48";
const OWNER = "me";
const NOTHING = { present: [], known: [], foreign: [], outside: [] };

/** A kernel that knows unreachable routes alone. */
class Kernel {
  readonly routes = new Map<string, number>();
  /** Lines of `ip -batch`, in their order. */
  readonly lines: string[] = [];
  readonly ip: IpTool;

  constructor() {
    const runner: Runner = {
      run: (_cmd, args, o) => {
        for (const line of String(o?.stdin ?? "").split("\n").filter(Boolean)) this.#change(line);
        const six = args.includes("-6");
        const shown = [...this.routes].filter(([key]) => key.includes(":") === six)
          .map(([key, metric]) => ({ type: "unreachable", dst: key.split(" ")[0], metric }));
        return Promise.resolve({ code: 0, stdout: JSON.stringify(shown), stderr: "" });
      },
      spawn: () => assert.fail("nothing to spawn"),
    };
    this.ip = new IpTool({ runner, tools: { ip: "/sbin/ip" }, iface: "ghost0" });
  }

  #change(line: string): void {
    this.lines.push(line);
    const [, verb, prefix, metric] = /^route (replace|del) unreachable (\S+) proto 207 metric (\d+)$/.exec(line)!;
    const key = `${prefix} ${metric}`;
    if (verb === "replace") this.routes.set(key, Number(metric));
    else assert.ok(this.routes.delete(key), line);
  }

  get prefixes(): string[] {
    return [...this.routes.keys()].map((key) => key.split(" ")[0]!);
  }
}

async function world(
  work: (w: { kernel: Kernel; file: string; open: () => Promise<LastResort> }) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const kernel = new Kernel();
  const file = join(dir, "unreachable.json");
  try {
    const now = () => 20_000 * 86_400_000;
    const open = () => LastResort.open({ ip: kernel.ip, owner: OWNER, prefix6: PREFIX, file, now });
    await work({ kernel, file, open });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("LastResort.open() puts in place what was known once, also after a boot, and nothing of an earlier session goes", () =>
  world(async ({ kernel, open }) => {
    const first = await open();
    assert.deepEqual(kernel.prefixes, [PREFIX]);
    await first.hold(await kernel.ip.routes(), { ...NOTHING, known: ["100.64.0.9"] });
    await first.settle(["10.1.1.0/24"]);
    await open(); // after a crash
    assert.deepEqual(kernel.prefixes, [PREFIX, "100.64.0.9/32", "10.1.1.0/24"]);
    kernel.routes.clear();
    await open();
    assert.deepEqual(kernel.prefixes, [PREFIX, "100.64.0.9/32"]);
  }));

Deno.test("LastResort adds before it takes away, leaves what stands, and puts back what somebody flushed", () =>
  world(async ({ kernel, open }) => {
    const it = await open();
    const run = async (known: string[], carried: string[], foreign: { prefix: string; iface: string }[] = []) => {
      kernel.lines.length = 0;
      await it.hold(await kernel.ip.routes(), { ...NOTHING, known, foreign });
      await it.settle(carried);
      return kernel.lines.map((line) => line.split(" ").slice(1, 4).filter((word) => word !== "unreachable").join(" "));
    };
    assert.deepEqual(await run(["100.64.0.9"], ["10.1.1.0/24"]), ["replace 100.64.0.9/32", "replace 10.1.1.0/24"]);
    assert.deepEqual(await run(["100.64.0.9"], ["10.1.1.0/24"]), []);
    // A machine that is gone is remembered, a prefix that nobody carries is what it was before.
    assert.deepEqual(await run(["100.64.0.8"], []), ["replace 100.64.0.8/32", "del 10.1.1.0/24"]);
    kernel.routes.delete(`${PREFIX} ${lastResortMetric(OWNER)}`);
    assert.deepEqual(await run([], []), [`replace ${PREFIX}`]);
    assert.deepEqual(await run([], [], [{ prefix: "100.64.0.8/31", iface: "br0" }]), [
      "del 100.64.0.9/32",
      "del 100.64.0.8/32",
    ]);
  }));

Deno.test("LastResort.close() stays for a restart, goes with the tunnel, or gives back what was found", () =>
  world(async ({ kernel, open }) => {
    kernel.routes.set("100.64.0.9/32 7", 7); // of another network's daemon
    const it = await open();
    await it.hold(await kernel.ip.routes(), { ...NOTHING, known: ["100.64.0.9"] });
    await it.settle(["10.1.1.0/24"]);
    await it.close("stay");
    assert.deepEqual(kernel.prefixes, ["100.64.0.9/32", PREFIX, "100.64.0.9/32"]);
    kernel.routes.delete(`${PREFIX} ${lastResortMetric(OWNER)}`);
    await (await open()).close("as found");
    assert.deepEqual(kernel.prefixes, ["100.64.0.9/32", "100.64.0.9/32"]);
    await (await open()).close("go");
    assert.deepEqual([...kernel.routes], [["100.64.0.9/32 7", 7]]);
  }));

Deno.test("LastResort takes a file that it cannot read for none", () =>
  world(async ({ kernel, file, open }) => {
    const it = await open();
    await it.hold(await kernel.ip.routes(), { ...NOTHING, known: ["100.64.0.9"] });
    kernel.routes.clear();
    await Deno.writeTextFile(file, "{");
    await open();
    assert.deepEqual(kernel.prefixes, [PREFIX]);
  }));
