/** What a start of ghostctl costs: modules that `status` loads, and none of a package. */
import assert from "node:assert/strict";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Modules that are loaded with `entry`, without those that are imported when they are needed. */
async function loaded(entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", `${ROOT}deno.json`, `${ROOT}${entry}`],
  }).output();
  const { modules, roots } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: { specifier: string; dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[] }[];
  };
  const known = new Map(modules.map((m) => [m.specifier, m.dependencies ?? []]));
  const seen = new Set<string>();
  const visit = (specifier: string) => {
    if (seen.has(specifier)) return;
    seen.add(specifier);
    for (const { isDynamic, code } of known.get(specifier) ?? []) {
      if (!isDynamic && code?.specifier) visit(code.specifier);
    }
  };
  roots.forEach(visit);
  return [...seen].map((specifier) => specifier.replace(`file://${ROOT}`, ""));
}

Deno.test("ghostctl status loads few modules, and nothing of npm", async () => {
  const modules = new Set([...await loaded("ctl/main.ts"), ...await loaded("ctl/commands/status.ts")]);
  assert.ok(modules.has("ctl/commands/status.ts") && modules.has("ctl/table.ts"), [...modules].join(" "));
  assert.deepEqual([...modules].filter((m) => !m.startsWith("ctl/") && !m.startsWith("mesh/")), []);
  assert.ok(modules.size <= 26, `${modules.size} modules: ${[...modules].join(" ")}`);
});
