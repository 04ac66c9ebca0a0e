/**
 * The architecture, as tests: who may import whom, how long a file may be, what lies at the top level, and that the cores
 * compile without the platform. Each rule has its reason, because one without is broken at the first hurry.
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(import.meta.dirname!);
const MAX_LINES = 500;

const WIRE = ["mesh/wire"];
const RULES_OF_ALL = [...WIRE, "mesh/trust", "mesh/policy"];
const HOST_BASE = [...RULES_OF_ALL, "mesh/client", "mesh/host"];
const PURE = "a core decides by what it is handed: it must run the same in a test, on a node and at the edge";
const ROLES = "roles meet in mesh/wire, mesh/trust and mesh/policy only, so that each can be changed and shipped alone";

/** A folder or file, what its files may import besides their own folder, and why nothing else. The first that fits counts. */
const RULES: readonly { part: string; may: readonly string[]; why: string }[] = [
  { part: "mesh/wire", may: [], why: "the contract between processes depends on nothing that may change" },
  { part: "mesh/trust", may: WIRE, why: "who may say what is decided from signed statements alone" },
  { part: "mesh/policy", may: WIRE, why: "every node compiles the policy itself, from the policy alone" },
  {
    part: "mesh/client",
    may: [...WIRE, "mesh/trust"],
    why: "the client speaks the API; it knows neither roles nor hosts",
  },
  { part: "mesh/host", may: WIRE, why: "host helpers serve every role and know none" },
  {
    part: "mesh/store",
    may: RULES_OF_ALL,
    why: "the store keeps statements; routes and hosts use it, not the reverse",
  },
  {
    part: "mesh/server",
    may: [...RULES_OF_ALL, "mesh/store"],
    why: "the app runs at the edge too, where there is no host",
  },
  { part: "mesh/web", may: [...RULES_OF_ALL, "mesh/store", "mesh/server"], why: "the admin page is part of the app" },
  {
    part: "mesh/edge.ts",
    may: [...RULES_OF_ALL, "mesh/store", "mesh/server"],
    why: "at the edge there are no files, subprocesses or sockets",
  },
  { part: "mesh", may: [...HOST_BASE, "mesh/store", "mesh/server", "mesh/web"], why: ROLES },
  { part: "gate/core", may: RULES_OF_ALL, why: PURE },
  { part: "gate", may: [...HOST_BASE, "gate/core", "gate/host"], why: ROLES },
  { part: "link/core", may: RULES_OF_ALL, why: PURE },
  { part: "link", may: [...HOST_BASE, "link/core", "link/host"], why: ROLES },
  { part: "ctl", may: HOST_BASE, why: ROLES },
];
/** What compiles with the language alone; mesh/trust is pure too, but needs WebCrypto. */
const CORES = ["link/core", "gate/core", "mesh/policy", "mesh/wire/stun"];
/** Node's pure helpers; every other `node:` module reaches the platform. */
const PURE_NODE = new Set(["node:assert/strict"]);

/** What may lie at the top level besides `*.md` files and dot files. */
const TOP_LEVEL = ["mesh", "gate", "link", "ctl", "tests", "scripts", "deno.json", "deno.lock", "LICENSE"];

interface Edge {
  from: string;
  to: string;
  /** False for an import of types alone. */
  runs: boolean;
}

async function sources(dir = ROOT): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(dir)) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory) found.push(...await sources(path));
    else if (entry.name.endsWith(".ts")) found.push(relative(ROOT, path));
  }
  return found.sort();
}

async function deno(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Every import between files of this project and of `node:` modules, types and dynamic imports included. */
async function imports(files: readonly string[]): Promise<Edge[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.map((file) => `import ${JSON.stringify(pathToFileURL(join(ROOT, file)).href)};`);
    await Deno.writeTextFile(entry, lines.join("\n"));
    const { code, stdout, stderr } = await deno("info", "--json", "--config", join(ROOT, "deno.json"), entry);
    assert.equal(code, 0, stderr);
    const { modules } = JSON.parse(stdout) as {
      modules: { specifier: string; dependencies?: { specifier: string; code?: Resolved; type?: Resolved }[] }[];
    };
    const edges: Edge[] = [];
    for (const { specifier, dependencies = [] } of modules) {
      const from = inProject(specifier);
      if (from === undefined) continue;
      for (const { specifier: written, code, type } of dependencies) {
        if (written.startsWith("node:")) edges.push({ from, to: written, runs: true });
        const target = code?.specifier ?? type?.specifier;
        const to = target === undefined ? undefined : inProject(target);
        if (to !== undefined) edges.push({ from, to, runs: code !== undefined });
      }
    }
    return edges;
  } finally {
    await Deno.remove(entry);
  }
}

interface Resolved {
  specifier?: string;
}

function inProject(specifier: string): string | undefined {
  if (!specifier.startsWith("file:")) return undefined;
  const path = relative(ROOT, fileURLToPath(specifier));
  return path.startsWith("..") ? undefined : path;
}

const within = (file: string, part: string) => file === part || file.startsWith(`${part}/`);
/** Tests and what only they use (testdata/, testing.ts, testing_*.ts, *_world.ts) may import more: a test of the client starts the real server. */
const isTest = (file: string) => /(?:_test|_world)\.ts$|(?:^|\/)(?:testdata\/|testing(?:_[a-z_]+)?\.ts$)/.test(file);

Deno.test("imports keep to the layers", async () => {
  const wrong = new Set<string>();
  for (const { from, to } of await imports(await sources())) {
    const rule = RULES.find(({ part }) => within(from, part));
    if (!rule || isTest(from)) continue;
    if (to.startsWith("node:")) {
      if ([...CORES, "mesh/wire", "mesh/trust"].some((core) => within(from, core)) && !PURE_NODE.has(to)) {
        wrong.add(`${from} imports ${to}: ${PURE}`);
      }
    } else if (![rule.part, ...rule.may].some((part) => within(to, part))) {
      wrong.add(`${from} imports ${to}: ${rule.why}`);
    } else if (isTest(to)) {
      wrong.add(`${from} imports ${to}: programs do not depend on tests`);
    }
  }
  assert.deepEqual([...wrong], []);
});

Deno.test("imports have no circles among files that run", async () => {
  const next = new Map<string, string[]>();
  for (const { from, to, runs } of await imports((await sources()).filter((file) => !isTest(file)))) {
    if (runs && !to.startsWith("node:")) next.set(from, [...next.get(from) ?? [], to]);
  }
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    for (const to of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  assert.deepEqual(circles, []);
});

Deno.test("cores compile with the language alone", async () => {
  const files = (await sources()).filter((file) => CORES.some((core) => within(file, core)) && !isTest(file));
  assert.ok(files.length > 0);
  const { code, stderr } = await deno("check", "--quiet", "--config", "scripts/core.json", ...files);
  assert.equal(code, 0, stderr);
});

Deno.test("the core check refuses the platform", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const reaches = ["Deno.pid", "fetch", "setTimeout", "crypto", "console", "performance"];
    const file = join(dir, "reach.ts");
    await Deno.writeTextFile(file, reaches.map((name, i) => `export const x${i} = ${name};\n`).join(""));
    const { code, stderr } = await deno("check", "--quiet", "--config", "scripts/core.json", file);
    assert.notEqual(code, 0);
    for (const name of reaches) assert.match(stderr, new RegExp(`Cannot find name '${name.split(".")[0]}'`));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test(`no file has more than ${MAX_LINES} lines`, async () => {
  const long: string[] = [];
  for (const file of await sources()) {
    const lines = (await Deno.readTextFile(join(ROOT, file))).split("\n").length - 1;
    if (lines > MAX_LINES) long.push(`${file}: ${lines} lines are two files`);
  }
  assert.deepEqual(long, []);
});

Deno.test("whatever names a file of the project names one that there is", async () => {
  const files = new Set(await sources());
  const wrong: string[] = [];
  for (const file of [...files, "README.md", "DIAGRAM.md", "CHANGELOG.md"]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    for (const [name] of text.matchAll(/(?<![\w./])(?:mesh|gate|link|ctl|tests|scripts)\/[\w/.-]+\.ts\b/g)) {
      if (!files.has(name)) wrong.push(`${file} names ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("file names are snake_case", async () => {
  assert.deepEqual((await sources()).filter((file) => !/^[a-z0-9_/]+(?:\.d)?\.ts$/.test(file)), []);
});

Deno.test("the top level holds the roles, their tests and scripts, and documents", async () => {
  const strange: string[] = [];
  for await (const { name } of Deno.readDir(ROOT)) {
    if (!name.startsWith(".") && !name.endsWith(".md") && !TOP_LEVEL.includes(name)) strange.push(name);
  }
  assert.deepEqual(strange, []);
});

Deno.test("no role runs with all permissions", async () => {
  const { permissions, tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as {
    permissions: Record<string, Record<string, unknown>>;
    tasks: Record<string, string>;
  };
  for (const role of ["mesh", "gate", "link", "ctl"]) {
    const set = permissions[role];
    assert.ok(set, role);
    for (const kind of ["all", "run", "read", "write", "env", "sys", "ffi"]) {
      assert.notEqual(set[kind], true, `${role} ${kind}`);
    }
    for (const path of Array.isArray(set["run"]) ? set["run"] : []) assert.match(path, /^\//, `${role} runs ${path}`);
  }
  for (const task of Object.values(tasks)) assert.doesNotMatch(task, /(?:^|\s)(?:-A|--allow-all)(?:\s|$)/);
  assert.doesNotMatch(await Deno.readTextFile(join(ROOT, "scripts", "launch.sh")), /^[^#]*(?:\s-A\s|--allow-all)/m);
});
