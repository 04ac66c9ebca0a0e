import assert from "node:assert/strict";
import { type Runner, systemRunner } from "../../../mesh/host/runner.ts";
import { CLOSED } from "../../../mesh/policy/mod.ts";
import { OnChange } from "./on_change.ts";

/** Root's and nobody else's to write on every machine; it is never really run here. */
const PATH = "/etc/passwd";
/** The same, with a folder above its own. */
const DEEP = "/usr/bin/env";

Deno.test("OnChange tells the same filter again after a failure, but not at once, and never twice after a success", async () => {
  const told: number[] = [];
  let code = 3;
  let now = 1_000_000;
  const runner: Runner = {
    spawn: systemRunner.spawn,
    run(cmd, args, o) {
      if (cmd !== PATH) return systemRunner.run(cmd, args, o);
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

Deno.test("OnChange runs nothing below a folder that is not root's alone, however far above", async () => {
  const runs: string[] = [];
  let said = "0 755 directory\n";
  const runner: Runner = {
    spawn: systemRunner.spawn,
    run(cmd, args) {
      runs.push(cmd === DEEP ? "the program" : `stat of ${args.at(-1)}`);
      return Promise.resolve({ code: 0, stdout: cmd === DEEP ? "" : said, stderr: "" });
    },
  };
  let now = 0;
  const hook = await OnChange.open({ path: DEEP, iface: "ghost0", runner, now: () => now += 10_000 });
  for (
    const [what, fault] of [
      ["1000 755 directory", /^\/usr: Not root's/],
      ["0 1777 directory", /^\/usr: Others may write to it/],
      ["0 775 directory", /^\/usr: Others may write to it/],
      ["0 777 symbolic link", /^\/usr: Not a plain file or folder/],
      ["", /^stat: Not understood/],
    ] as const
  ) {
    said = `${what}\n`;
    await hook.tell(CLOSED, 5);
    assert.match(hook.fault!, fault);
  }
  assert.ok(!runs.includes("the program"));
  said = "0 755 directory\n";
  await hook.tell(CLOSED, 5);
  assert.equal(hook.fault, null);
  assert.deepEqual(runs.splice(-2), ["stat of /usr", "the program"]);
  await hook.close();
});
