/** How ghostctl ends and what it says where it is typed wrongly, where nobody answers, and where it is asked for help. */
import assert from "node:assert/strict";
import { ghostctl } from "./world.ts";

Deno.test("ghostctl exits with 3 when no daemon answers, also at a socket that a crash left", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const socket = `${dir}/ghostlink.sock`;
    const run = (...args: string[]) => ghostctl([...args, "--socket", socket], { open: [dir] });
    for (const verb of [["status"], ["peers"], ["ping", "bob"], ["keys", "rotate"], ["route", "list"]]) {
      const ended = await run(...verb);
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(
        ended.stderr,
        new RegExp(`^ghostctl: ${socket}: No daemon answers at this socket; start it with: ghostlink run`),
      );
      assert.equal(ended.stdout, "");
    }
    Deno.listen({ transport: "unix", path: socket }).close();
    await Deno.writeTextFile(`${dir}/token`, "secret");
    assert.equal((await run("status")).code, 3);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("ghostctl exits with 2 on wrong usage and tells the mend in one line", async () => {
  for (
    const [args, text] of [
      [["staus"], /did you mean "ghostctl status"/],
      [["status", "--jsn"], /did you mean "--json"/],
      [["ping"], /PEER is missing/],
      [["route", "add", "10.1.1.0/24", "over", "carol"], /Expected "via", got "over"/],
      [["route", "remove", "10.1.1.0/24", "via"], /A name is missing after "via"/],
      [["token", "create", "--uses", "many"], /--uses: Expected a whole number/],
      [["token", "create", "--expires", "soon"], /--expires: Expected a time/],
      [["token", "create", "--tag", "web"], /--tag: Expected a tag such as tag:web/],
    ] as [string[], RegExp][]
  ) {
    const ended = await ghostctl(args);
    assert.equal(ended.code, 2, args.join(" "));
    assert.match(ended.stderr, text);
    assert.match(ended.stderr, /^ghostctl: [^\n]*\n$/);
  }
  const bare = await ghostctl([]);
  assert.deepEqual([bare.code, bare.stdout], [2, ""]);
  assert.match(bare.stderr, /usage: ghostctl COMMAND/);
});

Deno.test("ghostctl help and version answer without a daemon", async () => {
  assert.match((await ghostctl(["help"])).stdout, /route add +Reach a network behind a machine/);
  assert.match((await ghostctl(["route", "add", "--help"])).stdout, /^usage: ghostctl route add PREFIX via NAME/);
  assert.match((await ghostctl(["help", "token"])).stdout, /token create/);
  assert.equal((await ghostctl(["help", "banana"])).code, 2);
  assert.deepEqual(JSON.parse((await ghostctl(["version", "--json"])).stdout), {
    version: 1,
    ghostctl: "0.1.0",
    deno: Deno.version.deno,
  });
  assert.equal((await ghostctl(["--version"])).stdout, (await ghostctl(["version"])).stdout);
});
