import assert from "node:assert/strict";
import { systemRunner } from "../mesh/host/runner.ts";
import { commandsMarkdown } from "./commands_md.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";

Deno.test("COMMANDS.md is what the command table says", async () => {
  const root = new URL("..", import.meta.url).pathname;
  const formatted = await systemRunner.run(
    Deno.execPath(),
    ["fmt", "--ext=md", `--config=${root}deno.json`, "-"],
    { stdin: commandsMarkdown(COMMANDS, GLOBAL_OPTIONS), env: { NO_COLOR: "1" } },
  );
  assert.equal(formatted.code, 0, formatted.stderr);
  assert.equal(
    await Deno.readTextFile(`${root}COMMANDS.md`),
    formatted.stdout,
    "make it anew: deno run ctl/commands_md.ts | deno fmt --ext=md - > COMMANDS.md",
  );
});
