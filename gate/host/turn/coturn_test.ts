/** coturn's starts and restarts as they go wrong, with a runner that spawns nothing. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { ghost } from "../../../mesh/trust/testdata/assert.ts";
import { until } from "../testing.ts";
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

interface Child {
  secret: string;
  killed: boolean;
}

/** A folder, an nft that keeps what it was given, and children that end when they are told to. */
async function scene() {
  const dir = await Deno.makeTempDir();
  const children: Child[] = [];
  const nft: string[] = [];
  const lines: string[] = [];
  const s = {
    dir: `${dir}/turn`,
    children,
    nft,
    lines,
    nftCode: (_text: string) => 0,
    spawned: () => {},
    start: (o: { port?: number; signal?: AbortSignal } = {}) =>
      Coturn.start({
        plan: { ...PLAN, port: o.port ?? PLAN.port },
        dir: s.dir,
        certificate: { cert: "", key: "" },
        secret: "first",
        tools: TOOLS,
        runner,
        log: createLog("test", { write: (line) => void lines.push(line) }),
        ...(o.signal && { signal: o.signal }),
      }),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
  const runner = {
    run: (_: string, __: string[], o: { stdin?: string }) => {
      nft.push(o?.stdin ?? "");
      return Promise.resolve({ code: s.nftCode(nft.at(-1)!), stdout: "", stderr: "nft does not want to" });
    },
    spawn: () => {
      const config = Deno.readTextFileSync(`${s.dir}/turnserver.conf`);
      const child = { secret: /^static-auth-secret=(.*)$/m.exec(config)![1]!, killed: false };
      children.push(child);
      const { promise, resolve } = Promise.withResolvers<{ code: number; signal: null }>();
      s.spawned();
      return { pid: 1, status: promise, kill: () => (child.killed = true, resolve({ code: 0, signal: null })) };
    },
  } as unknown as Runner;
  return s;
}

const gone = (dir: string) => Deno.stat(dir).then(() => false, () => true);

Deno.test("Coturn gives a start up at once when the gate ends, and leaves no child, file or table", async () => {
  const stop = new AbortController();
  await using s = await scene();
  s.spawned = () => queueMicrotask(() => stop.abort());
  const { signal } = stop;
  await assert.rejects(s.start({ signal }), ghost("port_in_use"));
  assert.deepEqual(s.children, [{ secret: "first", killed: true }]);
  await assert.rejects(s.start({ signal }), ghost("unreachable", /not started any more/)); // ended before the child
  assert.equal(s.children.length, 1);
  assert.match(s.nft.at(-1)!, /delete table inet ghostgate_turn/);
  assert.ok(await gone(s.dir), "key and secret lie around");
});

Deno.test("Coturn whose start fails says why, also where nft does not take the table back", async () => {
  await using s = await scene();
  s.nftCode = (text) => text.includes("chain egress") ? 0 : 1;
  const stop = new AbortController();
  s.spawned = () => queueMicrotask(() => stop.abort());
  await assert.rejects(s.start({ signal: stop.signal }), ghost("port_in_use", /coturn does not start/));
  assert.match(s.lines.join("\n"), /cannot clear up after coturn.*nft does not want to/);
  assert.ok(await gone(s.dir), "key and secret lie around");
});

Deno.test("attack: of two secrets that come one upon the other only the newest counts for Coturn", async () => {
  using answering = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using s = await scene();
  const coturn = await s.start({ port: answering.addr.port });
  coturn.rotate("second");
  for (let i = 0; i < 10; i++) await Promise.resolve(); // the file with the second is being written
  coturn.rotate("third");
  await until("coturn with the newest secret", () => s.children.at(-1)!.secret === "third");
  assert.equal(s.children.filter(({ killed }) => !killed).length, 1);
  // And one that comes while the next coturn has been started and does not answer yet.
  const before = s.children.length;
  s.spawned = () => {
    s.spawned = () => {};
    queueMicrotask(() => coturn.rotate("fifth"));
  };
  coturn.rotate("fourth");
  await until("coturn with the newest secret", () => s.children.at(-1)!.secret === "fifth");
  assert.deepEqual(s.children.slice(before).map(({ secret }) => secret), ["fourth", "fifth"]);
  assert.doesNotMatch(s.lines.join("\n"), /cannot bring coturn back/);
  await coturn.close();
});
