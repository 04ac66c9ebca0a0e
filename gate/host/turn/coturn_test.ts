/** coturn's end in the midst of a start, with a runner that spawns nothing. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { ghost } from "../../../mesh/trust/testdata/assert.ts";
import { Coturn } from "./coturn.ts";

const PLAN = {
  listen: ["127.0.0.1"],
  relay: ["127.0.0.1"],
  port: 1, // nothing answers there
  tls: null,
  ports: { first: 49_000, last: 49_010 },
  overlay: [],
};
const TOOLS = { turnserver: "/usr/bin/turnserver", nft: "/usr/sbin/nft", setpriv: null };

Deno.test("Coturn gives a start up at once when the gate ends, and leaves no child", async () => {
  const stop = new AbortController();
  const dir = await Deno.makeTempDir();
  const children: { killed: boolean }[] = [];
  const nft: string[] = [];
  const runner = {
    run: (_: string, __: string[], o: { stdin?: string }) => {
      nft.push(o?.stdin ?? "");
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    },
    spawn: () => {
      const child = { killed: false };
      children.push(child);
      const { promise, resolve } = Promise.withResolvers<{ code: number; signal: null }>();
      queueMicrotask(() => stop.abort());
      return { pid: 1, status: promise, kill: () => (child.killed = true, resolve({ code: 0, signal: null })) };
    },
  } as unknown as Runner;
  const start = () =>
    Coturn.start({
      plan: PLAN,
      dir: `${dir}/turn`,
      certificate: { cert: "", key: "" },
      secret: "secret",
      tools: TOOLS,
      runner,
      log: createLog("test", { write: () => {} }),
      signal: stop.signal,
    });
  await assert.rejects(start(), ghost("port_in_use"));
  assert.deepEqual(children, [{ killed: true }]);
  await assert.rejects(start(), ghost("unreachable", /not started any more/)); // ended before the child
  assert.equal(children.length, 1);
  assert.match(nft.at(-1)!, /delete table inet ghostgate_turn/);
  await Deno.remove(dir, { recursive: true });
});
