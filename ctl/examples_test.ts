/** Every `ghostctl` line that the documents show is one that ghostctl understands. */
import assert from "node:assert/strict";
import { parseFull } from "./parse_full.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Command lines in a Markdown text: in code blocks of a shell, without comments, redirections and `sudo`. */
function commandLines(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!);
  return blocks.flatMap((block) => block.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").replace(/\s+>.*$/, "").trim().replace(/^sudo /, ""))
    .filter((line) => line.startsWith("ghostctl "));
}

Deno.test("README's ghostctl lines are understood", async () => {
  const lines = commandLines(await Deno.readTextFile(`${ROOT}README.md`));
  assert.ok(lines.length >= 10, `${lines.length} lines`);
  const table = { commands: COMMANDS, globals: GLOBAL_OPTIONS };
  for (const line of lines) {
    if (line.startsWith("ghostctl rungs")) continue; // the sample plugin's
    assert.doesNotThrow(() => parseFull(line.split(/\s+/).slice(1), table), line);
  }
});
