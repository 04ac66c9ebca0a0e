/** Which coturn the relay asks for, and what it says when there can be none; nothing of it runs here. */
import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { loadGateConfig } from "../config.ts";
import type { CoturnOptions } from "./coturn.ts";
import { TurnRelay } from "./relay.ts";

async function scene(start?: (o: CoturnOptions) => Promise<FakeCoturn>) {
  const stateDir = await Deno.makeTempDir();
  const lines: string[] = [];
  const relay = new TurnRelay({
    config: await loadGateConfig(undefined),
    stateDir,
    certificate: { cert: "", key: "", hash: "" },
    secret: "first",
    overlay: [],
    addresses: () => ["192.0.2.77"], // not this machine's, so its TLS port cannot be had
    runner: { run: () => Promise.resolve({ code: 1, stdout: "", stderr: "no nft" }) } as unknown as Runner,
    log: createLog("test", { level: "warn", write: (line) => void lines.push(line) }),
    ...(start && { start }),
  });
  return { relay, lines, [Symbol.asyncDispose]: () => Deno.remove(stateDir, { recursive: true }) };
}

class FakeCoturn {
  secret: string;
  constructor(secret: string) {
    this.secret = secret;
  }
  rotate(secret: string): void {
    this.secret = secret;
  }
  ensureWall = () => Promise.resolve(false);
  close = () => Promise.resolve();
}

Deno.test("TurnRelay says each thing that stands in its way once, however often it looks", async () => {
  await using s = await scene();
  for (let i = 0; i < 3; i++) await s.relay.audit();
  assert.equal(s.lines.length, 2, s.lines.join("\n"));
  assert.match(s.lines[0]!, /TURN has no TLS/);
  assert.match(s.lines[1]!, /no TURN rung here/);
  await s.relay.close();
});

Deno.test("attack: a secret that is replaced while coturn starts does not count for coturn either", async () => {
  const started = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  let coturn: FakeCoturn | undefined;
  await using s = await scene(async ({ secret }) => {
    started.resolve();
    await ready.promise;
    return coturn = new FakeCoturn(secret);
  });
  const audit = s.relay.audit();
  await started.promise;
  s.relay.rotate("second"); // a holder was revoked
  ready.resolve();
  await audit;
  assert.equal(coturn!.secret, "second");
  s.relay.rotate("third");
  assert.equal(coturn!.secret, "third");
  await s.relay.close();
});
