/** What a verb that takes long shows, at a real terminal (of `script`, util-linux). */
import assert from "node:assert/strict";
import { answering } from "./daemon.ts";
import { launchedWith } from "./launched.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PEERS = { peers: () => new Promise<[]>((resolve) => setTimeout(() => resolve([]), 2500)) };

Deno.test("what takes long says so at a terminal, and neither to programs nor to files", async () => {
  const dir = await Deno.makeTempDir();
  const socket = `${dir}/sockets/ghostlink.sock`;
  try {
    await using _ = await answering(socket, PEERS);
    const atTerminal = async (...args: string[]) => {
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", `sh ${ROOT}scripts/launch.sh ctl ${args.join(" ")}`, "/dev/null"],
        env: { GHOSTLINK_SOCKET: socket, GHOSTMESH_DENO: Deno.execPath(), TERM: "xterm" },
        stdin: "null",
      }).output();
      return new TextDecoder().decode(stdout).replaceAll("\x1b", "ESC");
    };
    const shown = await atTerminal("peers");
    assert.match(shown, /^\rESC\[Kwaiting for the daemon \.\.\. 1 s.*\rESC\[Kno peers /s);
    assert.doesNotMatch(await atTerminal("peers", "--json"), /waiting/);
    const quiet = await launchedWith({ GHOSTLINK_SOCKET: socket }, "peers");
    assert.deepEqual([quiet.code, quiet.stderr], [0, ""]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
