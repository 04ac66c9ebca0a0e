/** The completion scripts, in the shells themselves; `ghostctl` is one of this clone. */
import assert from "node:assert/strict";
import { SCRIPTS } from "../../ctl/completion.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function shell(name: string, script: string): Promise<string> {
  const dir = await Deno.makeTempDir();
  try {
    const run =
      `exec ${Deno.execPath()} run --quiet --no-prompt --config ${ROOT}deno.json -P=ctl ${ROOT}ctl/main.ts "$@"`;
    await Deno.writeTextFile(`${dir}/ghostctl`, `#!/bin/sh\n${run}\n`, { mode: 0o755 });
    const { code, stdout, stderr } = await new Deno.Command(name, {
      args: ["-c", script],
      env: { PATH: `${dir}:${Deno.env.get("PATH")}`, GHOSTLINK_SOCKET: `${dir}/none.sock` },
      cwd: dir,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function has(name: string): Promise<boolean> {
  return await new Deno.Command(name, { args: ["-c", "true"] }).output().then(() => true, () => false);
}

Deno.test("bash completes by the script, and runs nothing of what was typed", async () => {
  const ask = `COMP_WORDS=(ghostctl nodes re); COMP_CWORD=2; _ghostctl; echo "\${COMPREPLY[@]}"
    COMP_WORDS=(ghostctl ping '$(touch hurt)' ''); COMP_CWORD=3; _ghostctl; ls`;
  assert.equal(await shell("bash", `${SCRIPTS.bash}\n${ask}`), "rename revoke\nghostctl\n");
});

Deno.test({
  name: "fish completes by the script",
  ignore: !await has("fish"),
  fn: async () => {
    const seen = await shell("fish", `${SCRIPTS.fish}\ncomplete -C 'ghostctl nodes re'`);
    assert.match(seen, /^rename\tGive a machine another name \(admin\)\nrevoke\t/);
  },
});

Deno.test({
  name: "zsh reads the script",
  ignore: !await has("zsh"),
  fn: async () => {
    const stubs = `compdef() { :; }; _describe() { print -l -- "\${found[@]}"; }; _files() { print files; }`;
    const ask = `words=(ghostctl nodes re); CURRENT=3; _ghostctl`;
    assert.match(await shell("zsh", `${stubs}\n${SCRIPTS.zsh}\n${ask}`), /^rename:Give .*\nrevoke:Put /);
  },
});
