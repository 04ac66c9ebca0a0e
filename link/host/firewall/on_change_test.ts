import assert from "node:assert/strict";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { CLOSED } from "../../../mesh/policy/mod.ts";
import { OnChange } from "./on_change.ts";

/** Root's and nobody else's to write on every machine; it is never really run here. */
const PATH = "/etc/passwd";

Deno.test("OnChange tells the same filter again after a failure, but not at once, and never twice after a success", async () => {
  const told: number[] = [];
  let code = 3;
  let now = 1_000_000;
  const runner: Runner = {
    spawn: systemRunner.spawn,
    run(_cmd, _args, o) {
      told.push(JSON.parse(String(o?.stdin)).entry);
      return Promise.resolve({ code, stdout: "", stderr: "nothing doing\n" });
    },
  };
  const hook = await OnChange.open({ path: PATH, iface: "ghost0", runner, now: () => now });
  await hook.tell(CLOSED, 5);
  assert.match(hook.fault!, /code 3: nothing doing/);
  await hook.tell(CLOSED, 5);
  assert.deepEqual(told, [5], "at once");
  await hook.tell(CLOSED, 6);
  assert.deepEqual(told, [5, 6], "another one is told at once");
  now += 10_000; // the audit
  await hook.tell(CLOSED, 6);
  assert.deepEqual(told, [5, 6, 6]);
  code = 0;
  now += 10_000;
  await hook.tell(CLOSED, 6);
  assert.equal(hook.fault, null);
  now += 10_000;
  await hook.tell(CLOSED, 6);
  assert.deepEqual(told, [5, 6, 6, 6]);
  await hook.close();
  assert.equal(told.length, 5, "and the end is told");
});
