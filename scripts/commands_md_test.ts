import assert from "node:assert/strict";
import { loadGateConfig } from "../gate/host/config.ts";
import { loadLinkConfig } from "../link/host/config.ts";
import { systemRunner } from "../mesh/host/runner.ts";
import { loadMeshConfig } from "../mesh/selfhost/config.ts";
import { commandsMarkdown } from "./commands_md.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "../ctl/table.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const ENV = { NO_COLOR: "1", DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno` };

Deno.test("COMMANDS.md is what the command table says", async () => {
  const formatted = await systemRunner.run(
    Deno.execPath(),
    ["fmt", "--ext=md", `--config=${ROOT}deno.json`, "-"],
    { stdin: commandsMarkdown(COMMANDS, GLOBAL_OPTIONS), env: ENV },
  );
  assert.equal(formatted.code, 0, formatted.stderr);
  assert.equal(
    await Deno.readTextFile(`${ROOT}COMMANDS.md`),
    formatted.stdout,
    "make it anew: deno run scripts/commands_md.ts | deno fmt --ext=md - > COMMANDS.md",
  );
});

/** A program's section, up to the next one's. */
async function sectionOf(program: string): Promise<string> {
  const text = await Deno.readTextFile(`${ROOT}COMMANDS.md`);
  return text.split(/^## /m).find((section) => section.startsWith(`${program}\n`))!;
}

const PROGRAMS = {
  ghostmesh: { main: "mesh", verbs: [[]] },
  ghostgate: { main: "gate", verbs: [[]] },
  ghostlink: { main: "link", verbs: [["join"], ["run"], ["login"]] },
};

for (const [program, { main, verbs }] of Object.entries(PROGRAMS)) {
  Deno.test(`COMMANDS.md has the options that ${program} --help has, and no others`, async () => {
    const options = new Set<string>();
    for (const verb of verbs) {
      const args = [
        "run",
        "--quiet",
        "--no-prompt",
        `--config=${ROOT}deno.json`,
        `-P=${main}`,
        `${ROOT}${main}/main.ts`,
      ];
      const { code, stdout, stderr } = await systemRunner.run(Deno.execPath(), [...args, ...verb, "--help"], {
        env: ENV,
      });
      assert.equal(code, 0, stderr);
      for (const [, option] of stdout.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)) options.add(option!);
    }
    for (const everywhere of ["--help", "--version"]) options.delete(everywhere);
    const told = [...(await sectionOf(program)).matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option!);
    assert.deepEqual([...new Set(told)].sort(), [...options].sort());
  });
}

const READERS = { ghostmesh: loadMeshConfig, ghostgate: loadGateConfig, ghostlink: loadLinkConfig };

for (const [program, read] of Object.entries(READERS)) {
  Deno.test(`COMMANDS.md has the keys that the reader of ${program}.toml knows, and no others`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".toml" });
    /** What the reader itself says that it knows at a place. */
    const known = async (text: string): Promise<string[]> => {
      await Deno.writeTextFile(file, text);
      const refusal = await read(file).then(() => "nothing refused", ({ mend }) => `${mend}`);
      return refusal.replace(/^known here: /, "").split(", ");
    };
    try {
      const rows = [...(await sectionOf(program)).matchAll(/^\| `\[(\w+)\]` *\| `([^`]+)`/gm)];
      const told = rows.map(([, section, key]) => `${section}.${key}`);
      const keys: string[] = [];
      for (const section of await known("qqqqqqqq = 1\n")) {
        for (const key of await known(`[${section}]\nqqqqqqqq = 1\n`)) {
          const inner = key === "turn" && section === "link" ? await known("[[link.turn]]\nqqqqqqqq = 1\n") : [];
          keys.push(...inner.length === 0 ? [`${section}.${key}`] : inner.map((one) => `link.turn[].${one}`));
        }
      }
      assert.ok(keys.length >= 10, keys.join());
      assert.deepEqual(told.sort(), keys.sort());
    } finally {
      await Deno.remove(file);
    }
  });
}
