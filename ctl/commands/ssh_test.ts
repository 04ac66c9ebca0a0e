import assert from "node:assert/strict";
import { systemRunner } from "../../mesh/host/runner.ts";
import { readSshKeys } from "../../link/host/ssh_keys.ts";
import { knownHosts, sshOptions } from "./ssh.ts";

Deno.test("ssh believes the keys of the record under the machine's name, and no other file", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const keygen = (...args: string[]) => systemRunner.run("/usr/bin/ssh-keygen", args);
    for (const type of ["ed25519", "ecdsa", "rsa"]) await keygen("-q", "-t", type, "-N", "", "-f", `${dir}/${type}`);
    const keys = await readSshKeys(["ed25519", "ecdsa", "rsa", "none"].map((type) => `${dir}/${type}.pub`));
    assert.equal(keys.length, 3, "the form that mesh/wire/ssh_key.ts wants is ssh-keygen's");
    const file = `${dir}/known hosts`;
    await Deno.writeTextFile(file, knownHosts("bob", keys));
    assert.equal((await keygen("-F", "bob", "-f", file)).code, 0);
    assert.equal((await keygen("-F", "carol", "-f", file)).code, 1);
    const seen = await systemRunner.run("/usr/bin/ssh", ["-G", ...sshOptions("bob", file), "100.64.3.4"], {
      env: { HOME: dir },
    });
    const options = new Map(seen.stdout.split("\n").map((line) => line.split(/ (.*)/, 2) as [string, string]));
    assert.equal(options.get("userknownhostsfile"), `"${file}"`.replaceAll('"', ""), seen.stderr);
    assert.equal(options.get("globalknownhostsfile"), "/dev/null");
    assert.equal(options.get("stricthostkeychecking"), "true");
    assert.equal(options.get("hostkeyalias"), "bob");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
