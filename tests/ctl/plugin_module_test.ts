/** Typed plugins, through the launcher: real modules in processes of their own, and a daemon's API that answers them. */
import assert from "node:assert/strict";
import { answering, peer } from "./daemon.ts";
import { launchedWith } from "./launched.ts";
import type { Ended } from "./world.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SAMPLE = `${ROOT}ctl/plugins/samples/rungs.ts`;

/** A folder with a config folder in it, and ghostctl that uses both. */
async function inFolder(
  run: (ctl: (...args: string[]) => Promise<Ended>, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const env = { GHOSTCTL_CONFIG_DIR: `${dir}/config`, GHOSTLINK_SOCKET: `${dir}/sockets/ghostlink.sock` };
    await run((...args) => launchedWith(env, ...args), dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A module whose one verb `try` runs `code` and answers with what it returns. */
function trial(code: string, permissions: object = {}): string {
  return `export default { name: "try", permissions: ${JSON.stringify(permissions)}, verbs: [{
    name: "try", summary: "Try", examples: [{ line: "ghostctl try", what: "it" }], json: {},
    arguments: [{ name: "what", summary: "any", optional: true }],
    async run(context) { const said: unknown = await (async () => { ${code} })(); return { json: { said }, text: String(said) }; },
  }] };`;
}

Deno.test("plugin add shows what a module asks for, and adds it only with a grant", () =>
  inFolder(async (ctl, dir) => {
    const asked = await ctl("plugin", "add", SAMPLE);
    assert.equal(asked.code, 2);
    assert.match(asked.stderr, /rungs asks to\n {2}state {2}ask this machine's daemon about peers\n/);
    assert.match(asked.stderr, /if it may: ghostctl plugin add \S+ --grant all, or of these kinds --grant state/);
    assert.equal((await ctl("rungs")).code, 2, "nothing was added");
    const wrong = await ctl("plugin", "add", SAMPLE, "--grant", "net");
    assert.deepEqual([wrong.code, /does not ask for "net"; one of: state, all/.test(wrong.stderr)], [1, true]);
    const added = await ctl("plugin", "add", SAMPLE, "--grant", "state");
    assert.deepEqual([added.code, added.stderr], [0, ""]);
    assert.match(added.stdout, /^added: ghostctl rungs\nmay {5}state {2}ask .* about peers\n$/);
    const record = `${dir}/config/plugins/rungs.json`;
    assert.equal((await Deno.stat(record)).mode! & 0o777, 0o600);
    const { plugins } = JSON.parse((await ctl("plugin", "list", "--json")).stdout);
    assert.deepEqual(plugins.filter((p: { kind: string }) => p.kind === "module"), [{
      name: "rungs",
      kind: "module",
      file: SAMPLE,
      verbs: ["rungs"],
      granted: ["state"],
      problem: null,
    }]);
    await Deno.chmod(record, 0o666);
    const open = await ctl("rungs");
    assert.match(open.stderr, /"rungs" is left out: .*Others may write here/);
    await Deno.chmod(record, 0o600);
    assert.equal(JSON.parse((await ctl("plugin", "remove", "rungs", "--json")).stdout).changed, true);
    assert.equal((await ctl("rungs")).code, 2);
    const again = await ctl("plugin", "remove", "rungs");
    assert.deepEqual([again.code, again.stderr], [
      1,
      'ghostctl: No plugin "rungs" was added; see: ghostctl plugin list\n',
    ]);
  }));

Deno.test("the sample's verb has help, completion and JSON like ghostctl's own, and sees the peers", () =>
  inFolder(async (ctl, dir) => {
    await using _ = await answering(`${dir}/sockets/ghostlink.sock`, {
      peers: () => Promise.resolve([peer("bob", "direct"), peer("cy", "quic")]),
    });
    assert.equal((await ctl("plugin", "add", SAMPLE, "--grant", "all")).code, 0);
    assert.deepEqual((await ctl("rungs")).stdout, "direct: 1\nquic: 1\n");
    assert.deepEqual(JSON.parse((await ctl("rungs", "quic", "--names", "--json")).stdout), {
      version: 1,
      rungs: { quic: 1 },
      names: ["cy"],
    });
    assert.match((await ctl("help", "rungs")).stdout, /^usage: ghostctl rungs \[RUNG\] \[--names\]\n/);
    assert.match((await ctl("help")).stdout, /^ {2}rungs +Count the machines/m);
    assert.match((await ctl("rung")).stderr, /did you mean "ghostctl rungs"/);
    const wrong = await ctl("rungs", "--nmes");
    assert.deepEqual([wrong.code, /did you mean "--names"/.test(wrong.stderr)], [2, true]);
    assert.equal(
      (await ctl("complete", "--", "run")).stdout,
      "rungs\tCount the machines on each rung of the path ladder\n",
    );
    assert.equal((await ctl("complete", "--", "rungs", "")).stdout, "direct\t\nquic\t\n");
    assert.match((await ctl("complete", "--", "rungs", "--n")).stdout, /^--names\t/);
  }));

Deno.test("a module may do what it declares and was granted, nothing else, and nothing is asked for", () =>
  inFolder(async (ctl, dir) => {
    const file = `${dir}/try.ts`;
    await Deno.writeTextFile(`${dir}/open.txt`, "open");
    await Deno.mkdir(`${dir}/config`, { mode: 0o700 });
    await Deno.writeTextFile(`${dir}/config/key.json`, `"secret"`);
    const attempt = async (code: string, permissions: object = {}, grants = ["--grant", "all"]) => {
      await Deno.writeTextFile(file, trial(code, permissions));
      const added = await ctl("plugin", "add", file, ...grants);
      assert.equal(added.code, 0, added.stderr);
      return await ctl("try");
    };
    const refused = async (code: string, kind: string, permissions: object = {}, grants?: string[]) => {
      const ended = await attempt(code, permissions, grants);
      assert.equal(ended.code, 1, `${code}: ${ended.stdout}`);
      assert.match(
        ended.stderr,
        new RegExp(`may not do this: Requires ${kind} access.*; its module has to declare it`),
        code,
      );
      assert.equal(ended.stdout, "");
    };
    const read = (path: string) => `return await Deno.readTextFile(${JSON.stringify(path)});`;
    await refused(read(`${dir}/open.txt`), "read");
    await refused(`await Deno.writeTextFile("${dir}/new.txt", "x");`, "write");
    await refused(`await fetch("http://127.0.0.1:7777/");`, "net");
    await refused(`return Deno.env.get("HOME");`, "env");
    await refused(`return new Deno.Command("/bin/true").outputSync();`, "run");
    await refused(`return await context.status();`, "state", { state: ["peers"] });
    // Declared, but not granted.
    await refused(read(`${dir}/open.txt`), "read", { read: [dir], state: ["peers"] }, ["--grant", "state"]);
    assert.equal((await attempt(read(`${dir}/open.txt`), { read: [dir] })).stdout, "open\n");
    // Admin keys stay closed, whatever is allowed.
    await refused(read(`${dir}/config/key.json`), "read", { read: [dir] });
    await refused(`await Deno.writeTextFile("${dir}/config/x", "");`, "write", { write: [dir] });
    await Deno.mkdir(`${dir}/sockets`, { mode: 0o700 });
    await Deno.writeTextFile(`${dir}/sockets/token`, "secret");
    await refused(read(`${dir}/sockets/token`), "read", { read: [dir] });
    await refused(
      `return (await import("file://${dir}/config/key.json", { with: { type: "json" } })).default;`,
      "read",
    );
    const asks =
      `const { prompt } = globalThis as any; return prompt === undefined ? "nobody to ask" : prompt("name?");`;
    assert.equal((await attempt(asks)).stdout, "nobody to ask\n");
  }));

Deno.test("a module whose static import reads ghostctl's folder is not loaded", () =>
  inFolder(async (ctl, dir) => {
    await Deno.mkdir(`${dir}/config`, { mode: 0o700 });
    await Deno.writeTextFile(`${dir}/config/key.json`, `"secret"`);
    const text = `import key from "file://${dir}/config/key.json" with { type: "json" };\n${trial("return key;")}`;
    await Deno.writeTextFile(`${dir}/try.ts`, text);
    const added = await ctl("plugin", "add", `${dir}/try.ts`);
    assert.deepEqual([added.code, /Requires read access/.test(added.stderr), /secret/.test(added.stderr)], [
      1,
      true,
      false,
    ]);
  }));

Deno.test("a module that has changed is refused until it is added again", () =>
  inFolder(async (ctl, dir) => {
    const file = `${dir}/try.ts`;
    await Deno.writeTextFile(file, trial("return 1;"));
    assert.equal((await ctl("plugin", "add", file)).code, 0);
    assert.equal((await ctl("try")).stdout, "1\n");
    await Deno.writeTextFile(file, trial("return 2;"));
    const changed = await ctl("try");
    assert.deepEqual([changed.code, changed.stdout], [1, ""]);
    assert.match(changed.stderr, /has changed since it was added; read it, and then: ghostctl plugin add /);
    assert.match((await ctl("plugin", "list")).stdout, /^try +module +nothing +.*changed since/m);
    assert.equal((await ctl("plugin", "add", file)).code, 0);
    assert.equal((await ctl("try")).stdout, "2\n");
  }));

Deno.test("a module cannot take over a verb, nor an option, and its faults are told in a line", () =>
  inFolder(async (ctl, dir) => {
    const file = `${dir}/try.ts`;
    const add = async (text: string, pattern: RegExp) => {
      await Deno.writeTextFile(file, text);
      const { code, stderr } = await ctl("plugin", "add", file);
      assert.equal(code, 1, stderr);
      assert.match(stderr, pattern);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    };
    await add(
      trial("").replaceAll(`"try"`, `"status"`).replace("ghostctl try", "ghostctl status"),
      /"status" is a verb of ghostctl's own/,
    );
    await add(trial("").replaceAll(`"try"`, `"help"`), /"help" is a verb of ghostctl's own/);
    await add(
      trial("").replace(`verbs: [{\n    name: "try"`, `verbs: [{\n    name: "status"`),
      /does not begin with "try"/,
    );
    await add(
      trial("").replace(`summary: "Try"`, `summary: "Try", options: [{ name: "json", summary: "x" }]`),
      /--json is an option of every verb/,
    );
    await add(trial("", { run: ["sh"] }), /permissions\.run\[0\]: Expected an absolute path/);
    await add(trial("", { all: true }), /permissions/);
    await add("export default 3;", /no default export that is a plugin/);
    await add("const x: = 3;", /The plugin failed: /);
    await add(`throw new Error("boom");`, /The plugin failed: boom/);
    // A record by hand does not help either: verbs of ghostctl's own are never looked for there.
    await Deno.writeTextFile(file, trial("return 1;"));
    assert.equal((await ctl("plugin", "add", file)).code, 0);
    await Deno.copyFile(`${dir}/config/plugins/try.json`, `${dir}/config/plugins/version.json`);
    assert.match((await ctl("version")).stdout, /^ghostctl \d/);
  }));

Deno.test("an exit, an error and a wrong answer of a plugin end ghostctl with a line", () =>
  inFolder(async (ctl, dir) => {
    const file = `${dir}/try.ts`;
    const ended = async (code: string, permissions: object = {}) => {
      await Deno.writeTextFile(file, trial(code, permissions));
      assert.equal((await ctl("plugin", "add", file, "--grant", "all")).code, 0);
      return await ctl("try");
    };
    assert.equal((await ended("Deno.exit(7);")).code, 7);
    const away = await ended("return await context.status();", { state: ["status"] });
    assert.deepEqual([away.code, /^ghostctl: \S+ghostlink\.sock: No daemon answers/.test(away.stderr)], [3, true]);
    assert.match((await ended(`throw new Error("no luck");`)).stderr, /try\.ts: The plugin failed: no luck\n$/);
    assert.equal((await ended(`console.log("a\\x1b[2Jb"); return "c";`)).stdout, "a\\u{1b}[2Jb\nc\n");
    const odd = await ended(`(globalThis as any).postMessage({ done: 5 }); await new Promise(() => {});`);
    assert.match(odd.stderr, /answer is not \{ json, text \}/);
  }));
