/** A role that is started as users start it talks to nobody but who is configured: Deno itself would ask its maker for news. */
import assert from "node:assert/strict";
import { until } from "../gate/host/testing.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** A web proxy that carries nothing, and tells who wanted to go where. */
function proxy() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  void (async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(512);
      const read = await conn.read(buffer).catch(() => null);
      asked.push(new TextDecoder().decode(buffer.subarray(0, read ?? 0)).split("\r\n")[0]!);
      conn.close();
    }
  })().catch(() => {});
  const { port } = listener.addr as Deno.NetAddr;
  return { url: `http://127.0.0.1:${port}`, asked, [Symbol.dispose]: () => listener.close() };
}

/** Deno's folder as it is, but that it cannot know when it last asked. */
async function forgetful(dir: string): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string };
  for await (const { name } of Deno.readDir(denoDir)) {
    if (name !== "latest.txt") await Deno.symlink(`${denoDir}/${name}`, `${dir}/${name}`);
  }
}

Deno.test("a role that deno task starts asks nobody for a newer Deno, which a bare Deno does", async () => {
  const dir = await Deno.makeTempDir();
  const children: Deno.ChildProcess[] = [];
  const start = (through: string, ...args: string[]) => {
    const env = { DENO_DIR: `${dir}/deno`, HTTPS_PROXY: through, HTTP_PROXY: through };
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env, stdin: "null", stdout: "piped" });
    const child = command.spawn();
    children.push(child);
    return child.stdout.pipeThrough(new TextDecoderStream());
  };
  using ours = proxy();
  using bare = proxy();
  try {
    await Deno.mkdir(`${dir}/deno`);
    await forgetful(`${dir}/deno`);
    await Deno.writeTextFile(`${dir}/mesh.toml`, '[server]\nbind = "127.0.0.1:0"\ntls = "off"\n');
    await Deno.writeTextFile(`${dir}/idle.ts`, "setInterval(() => {}, 1_000);\n");
    const role = start(
      ours.url,
      "task",
      "--quiet",
      "mesh",
      "--config",
      `${dir}/mesh.toml`,
      "--state-dir",
      `${dir}/state`,
    );
    for await (const text of role.values({ preventCancel: true })) if (/listens on/.test(text)) break;
    void start(bare.url, "run", "--quiet", "--no-config", `${dir}/idle.ts`).cancel();
    await until("the bare one's question", () => bare.asked.length > 0);
    assert.match(bare.asked[0]!, /^CONNECT dl\.deno\.land:443 /);
    assert.deepEqual(ours.asked, [], "the role has run longer");
    await role.cancel();
  } finally {
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map(({ status }) => status));
    await Deno.remove(dir, { recursive: true });
  }
});
