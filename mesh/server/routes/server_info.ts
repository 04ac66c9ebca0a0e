/** GET /v1/server: who this coordinator is, and its clock. */
import { Hono } from "hono";
import type { ServerInfo } from "../../wire/api.ts";
import { type Env, seconds } from "../context.ts";

export const server: Hono<Env> = new Hono<Env>().get("/v1/server", async (c) => {
  const deps = c.get("deps");
  const network = c.get("network") ?? null;
  const info: ServerInfo = {
    version: deps.config.version,
    claimed: network !== null,
    network: network && { id: network.net, name: (await network.replica.refresh()).ledger.network.name },
    time: seconds(deps),
    authMethods: [...deps.config.authMethods],
  };
  return c.json(info);
});
