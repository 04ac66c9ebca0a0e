/**
 * Completion in the shells themselves: each is started at a terminal of its own (by zsh's zpty), reads the script that
 * `ghostctl completion` prints, and gets a line with a Tab in it. `ghostctl` is that of this clone, and machines' names come from a daemon's API.
 */
import assert from "node:assert/strict";
import { SCRIPTS } from "../../ctl/completion.ts";
import { answering, peer } from "./daemon.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** How each shell is started without anybody's settings, and reads the script. */
const SHELLS = {
  bash: ["bash --norc --noprofile -i", "source <(ghostctl completion bash)"],
  zsh: ["zsh -f -i", "autoload -U compinit; compinit -u -D; source <(ghostctl completion zsh)"],
  fish: ["fish --no-config -i", "ghostctl completion fish | source"],
} as const;

/** Types lines with tabs; ^A echo turns what came of each into output. Arguments: command, set-up, folder, lines. */
const DRIVER = `
zmodload zsh/zpty
command=$1 setup=$2 dir=$3; shift 3
zpty shell $command
( while zpty -r shell; do :; done >$dir/screen 2>&1 ) &
wait_for() { local i; for i in {1..600}; do [[ -e $1 ]] && return 0; sleep 0.05; done; echo "no $1" >&2; cat $dir/screen >&2; exit 1; }
zpty -w shell "$setup; touch $dir/ready"
wait_for $dir/ready
sleep 0.3
n=0
for line in "$@"; do
  n=$((n + 1))
  rm -f $dir/completed
  zpty -n -w shell "$line"$'\\t'
  # Candidates come from a process; keys that are typed before the shell has them may be taken as they stand.
  wait_for $dir/completed
  sleep 0.3
  zpty -w shell " > $dir/out$n"$'\\001'"echo "
  wait_for $dir/out$n
done
zpty -d shell
for i in {1..$n}; do cat $dir/out$i; done
`;

async function has(name: string): Promise<boolean> {
  return await new Deno.Command(name, { args: ["-c", "true"] }).output().then(() => true, () => false);
}

/** What a shell makes of lines that end with a Tab. */
async function typed(shell: keyof typeof SHELLS, lines: readonly string[]): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  const socket = `${dir}/sockets/ghostlink.sock`;
  const peers = () => Promise.resolve([peer("bob", "direct"), peer("carol", "direct")]);
  try {
    await using _ = await answering(socket, { peers });
    const run = `sh ${ROOT}scripts/launch.sh ctl "$@"; code=$?; touch ${dir}/completed; exit $code`;
    await Deno.mkdir(`${dir}/bin`);
    await Deno.writeTextFile(`${dir}/bin/ghostctl`, `#!/bin/sh\n${run}\n`, { mode: 0o755 });
    const { code, stdout, stderr } = await new Deno.Command("zsh", {
      args: ["-f", "-c", DRIVER, "zsh", ...SHELLS[shell], dir, ...lines],
      env: {
        PATH: `${dir}/bin:${Deno.env.get("PATH")}`,
        HOME: dir,
        TERM: "xterm",
        // npx says vi, and zsh would take that for the keys that somebody likes.
        EDITOR: "emacs",
        VISUAL: "emacs",
        DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
        GHOSTMESH_DENO: Deno.execPath(),
        GHOSTLINK_SOCKET: socket,
      },
      cwd: dir,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.trim());
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const shell of Object.keys(SHELLS) as (keyof typeof SHELLS)[]) {
  Deno.test({
    name: `${shell} completes verbs, options and the names of machines that are there`,
    ignore: !await has("zsh") || !await has(shell),
    fn: async () => {
      const lines = [
        "ghostctl stat",
        "ghostctl nodes ren",
        "ghostctl ping c",
        "ghostctl ping --cou",
        "ghostctl route add 10.0.0.0/8 v",
      ];
      assert.deepEqual(await typed(shell, lines), [
        "ghostctl status",
        "ghostctl nodes rename",
        "ghostctl ping carol",
        "ghostctl ping --count",
        "ghostctl route add 10.0.0.0/8 via",
      ]);
    },
  });
}

/** What bash hands to ghostctl and offers for a line with a command in it, and the files that are there then. */
async function hostile(script: string): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  try {
    const test = `${script}
ghostctl() { printf 'asked %s\\n' "$@" >&2; printf '%s\\tmeaning\\n' '$(touch offered)'; }
COMP_WORDS=(ghostctl ping '$(touch typed)' ''); COMP_CWORD=3; _ghostctl; printf 'offers %s\\n' "\${COMPREPLY[@]}"; ls`;
    const args = ["-c", test.replace("2>/dev/null", "")];
    const { stdout, stderr } = await new Deno.Command("bash", { args, cwd: dir }).output();
    return new TextDecoder().decode(new Uint8Array([...stderr, ...stdout])).trimEnd().split("\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("bash runs nothing of what was typed or offered", async () => {
  const whole = [
    "asked complete",
    "asked --",
    "asked ping",
    "asked $(touch typed)",
    "asked ",
    "offers $(touch offered)",
  ];
  assert.deepEqual(await hostile(SCRIPTS.bash), whole);
  // The same through eval, as other completions do it: the command would be seen to run.
  assert.ok((await hostile(SCRIPTS.bash.replace("<(ghostctl", "<(eval ghostctl"))).includes("typed"));
});
