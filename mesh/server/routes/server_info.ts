/** GET /v1/server: who this coordinator is, and its clock. */
import { Hono } from "hono";
import type { ServerInfo } from "../../wire/api.ts";
import { type Env, seconds } from "../context.ts";

export const server: Hono<Env> = new Hono<Env>().get("/v1/server", async (c) => {
  const deps = c.get("deps");
  const network = c.get("network") ?? null;
  const view = network && await network.replica.refresh();
  const info: ServerInfo = {
    version: deps.config.version,
    claimed: network !== null,
    network: view && { id: view.ledger.network.id, name: view.ledger.network.name },
    time: seconds(deps),
    // What the operator has set up counts as far as the signed policy goes along.
    authMethods: deps.config.authMethods.filter((m) => view === null || view.admit.some((rule) => rule.method === m)),
  };
  return c.json(info);
});
