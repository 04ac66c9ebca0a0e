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
    onTouched: () => {},
  });
  await changed.promise;
  await monitor.stop();
  assert.equal(starts, 2);
  assert.match(lines[0]!, /temporarily unavailable/);
});

Deno.test("startIpMonitor() tells what happens to our own interface apart from the rest", async () => {
  let say: (line: string) => void = () => {};
  const ended = Promise.withResolvers<{ code: number; signal: null }>();
  const told: string[] = [];
  let news = Promise.withResolvers<void>();
  const tell = (what: string) => () => {
    told.push(what);
    news.resolve();
  };
  const monitor = startIpMonitor({
    runner: {
      run: () => Promise.reject(new Error("not asked for here")),
      spawn: (_path, _args, o) => {
        say = (line) => o!.onLine!(line, "stdout");
        return { pid: 1, status: ended.promise, kill: () => ended.resolve({ code: 0, signal: null }) };
      },
    },
    tools: { ip: "/sbin/ip" },
    iface: "ghost0",
    log: createLog("ghostlink", { write: () => {} }),
    onChange: tell("change"),
    onTouched: tell("touched"),
  });
  say("Deleted 100.64.0.9 dev ghost0 proto 207 scope link");
  say("unreachable 100.64.0.9 proto 207 metric 3758096391 ");
  say("Deleted unreachable fd11:2:3::/48 dev lo proto 207 metric 3758096391 pref medium");
  say("7: ghost0: <POINTOPOINT,NOARP> mtu 1280 qdisc noqueue state DOWN");
  await news.promise;
  assert.deepEqual(told, ["touched"]);
  news = Promise.withResolvers();
  say("2: eth0    inet 10.0.0.7/24 scope global eth0");
  await news.promise;
  assert.deepEqual(told, ["touched", "change"]);
  await monitor.stop();
});
