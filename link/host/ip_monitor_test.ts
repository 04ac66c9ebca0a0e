import assert from "node:assert/strict";
import { createLog } from "../../mesh/host/log.ts";
import type { RunningChild } from "../../mesh/host/runner.ts";
import { startIpMonitor } from "./ip_monitor.ts";

Deno.test("startIpMonitor() tries again when a program cannot be started, and counts that as a change", async () => {
  let starts = 0;
  const ended = Promise.withResolvers<{ code: number; signal: null }>();
  const child: RunningChild = { pid: 1, status: ended.promise, kill: () => ended.resolve({ code: 0, signal: null }) };
  const changed = Promise.withResolvers<void>();
  const lines: string[] = [];
  const monitor = startIpMonitor({
    runner: {
      run: () => Promise.reject(new Error("not asked for here")),
      spawn: () => {
        if (++starts === 1) throw new Error("Resource temporarily unavailable (os error 11)");
        return child;
      },
    },
    tools: { ip: "/sbin/ip" },
    iface: "ghost0",
    log: createLog("ghostlink", { write: (line) => lines.push(line) }),
    onChange: changed.resolve,
  });
  await changed.promise;
  await monitor.stop();
  assert.equal(starts, 2);
  assert.match(lines[0]!, /temporarily unavailable/);
});
