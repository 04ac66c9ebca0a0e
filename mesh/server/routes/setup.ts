/** POST /v1/setup: whoever holds the one-time secret founds the network; then this is closed for good. */
import { Hono } from "hono";
import { RECOVERY, setupRequest } from "../../wire/api.ts";
import { fromBase64Url } from "../../wire/encoding.ts";
import { checkSetupSecret, claimNetwork } from "../../store/mod.ts";
import { firstEntries } from "../append.ts";
import { type Env, seconds } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";

export const setup: Hono<Env> = new Hono<Env>().post("/v1/setup", readBody, async (c) => {
  const { kv, now } = c.get("deps");
  const { secret, entries, recover } = jsonBody(c, setupRequest);
  await checkSetupSecret(kv, fromBase64Url(secret, "body.secret"), { now: now() });
  const { ledger, fresh } = await firstEntries(entries, now());
  await claimNetwork(kv, {
    net: ledger.network.id,
    head: ledger.head,
    entries: fresh,
    recoverUntil: recover ? seconds(c.get("deps")) + RECOVERY : undefined,
  });
  return c.json(ledger.head);
});
