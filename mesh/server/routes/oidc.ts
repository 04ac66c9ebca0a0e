/**
 * Log-ins of machines without a browser. The user's browser comes back from the identity provider to this coordinator, which shows
 * which machine wants to join which network, and on the user's word passes the code on. The code is of use only with the
 * verifier (PKCE), which never leaves the machine; so a coordinator that keeps it gains nothing.
 *
 * | request | by | answer |
 * |---|---|---|
 * | POST /v1/oidc/start {id, machine} | any key | `{}`; `id` is the hash of the log-in's `state` |
 * | POST /v1/oidc/answer {id, user?} | the same key | `{answer: {code} or {error} or null}`; `user` tells the last page who came in |
 * | GET /v1/oidc/callback?state&code | browser | page that names machine and network and asks |
 * | POST /v1/oidc/callback state, code | that page | page that waits |
 * | GET /v1/oidc/landing?state | browser | page that says who came in |
 */
import { Hono } from "hono";
import { GhostError } from "../../wire/errors.ts";
import { loginAnswerRequest, loginStart } from "../../wire/api.ts";
import { fromUtf8 } from "../../wire/encoding.ts";
import { beginLogin, changeLogin, readLogin, type StoredLogin } from "../../store/mod.ts";
import { hashOf, nodeIdOf } from "../../trust/keys.ts";
import type { Ctx, Env } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { proven } from "../middleware/caller.ts";
import { page } from "../oidc_page.ts";

const MAX_CODE = 4096;
const CALLBACK = "/v1/oidc/callback";

export const oidc: Hono<Env> = new Hono<Env>()
  .post("/v1/oidc/start", readBody, proven, async (c) => {
    const { id, machine } = jsonBody(c, loginStart);
    const { deps, network, caller, view } = c.var;
    if (!view.admit.some((rule) => rule.method === "oidc")) {
      throw new GhostError("not_admitted", "The network's policy admits nobody by oidc", {
        mend: 'an admin can allow it: [[admit]] method = "oidc"',
      });
    }
    await beginLogin(deps.kv, network.net, { id, key: caller.key, machine, now: deps.now() });
    return c.json({});
  })
  .post("/v1/oidc/answer", readBody, proven, async (c) => {
    const { id, user } = jsonBody(c, loginAnswerRequest);
    const { deps, network, caller } = c.var;
    const now = deps.now();
    const login = await readLogin(deps.kv, network.net, { id, now });
    // Somebody else's log-in is told from one that is not there by nothing.
    if (login?.key !== caller.key) throw new GhostError("not_found", "No such log-in", { mend: "begin again" });
    if (user !== undefined) {
      await changeLogin(deps.kv, network.net, { id, now, change: (before) => ({ ...before, user }) });
    }
    return c.json({ answer: login.answer });
  })
  .get(CALLBACK, async (c) => {
    const found = await wanted(c, c.req.query("state"));
    if (!found) return over(c);
    const { error, error_description: why, code = "" } = c.req.query();
    if (error !== undefined) {
      const told = [error, why].filter((text) => text !== undefined).join(": ").slice(0, 200);
      await settle(c, found, { error: told });
      return page(c, { title: "Not logged in", lines: [`The identity provider refused: ${told}`] }, 403);
    }
    if (code === "" || code.length > MAX_CODE) return over(c);
    const { view, login } = found;
    return page(c, {
      title: `Let ${login.machine} join?`,
      lines: [
        `The machine “${login.machine}” (${found.node}) wants to join the network “${view.ledger.network.name}” in your name.`,
        "Go on only if you started this on that machine a moment ago. If somebody sent you the address, close this page.",
      ],
      form: { action: CALLBACK, fields: { state: found.state, code }, button: `Yes, let ${login.machine} join` },
    });
  })
  .post(CALLBACK, readBody, async (c) => {
    const form = new URLSearchParams(fromUtf8(c.get("body"), "body"));
    const found = await wanted(c, form.get("state") ?? undefined);
    const code = form.get("code") ?? "";
    if (!found || code === "" || code.length > MAX_CODE) return over(c);
    await settle(c, found, { code });
    return c.redirect(`/v1/oidc/landing?state=${encodeURIComponent(found.state)}`, 303);
  })
  .get("/v1/oidc/landing", async (c) => {
    const found = await wanted(c, c.req.query("state"));
    if (!found) return over(c);
    const { login, view } = found;
    const { name } = view.ledger.network;
    if (login.user === null) {
      return page(c, { title: "One moment", lines: [`${login.machine} is joining ${name}.`], refresh: 2 });
    }
    const lines = [
      `“${login.machine}” (${found.node}) has joined “${name}” as ${login.user}.`,
      "You can close this page.",
    ];
    return page(c, { title: `${login.machine} has joined`, lines });
  });

interface Found {
  id: string;
  state: string;
  login: StoredLogin;
  /** The first letters of the machine's id. */
  node: string;
  view: Env["Variables"]["view"];
}

async function wanted(c: Ctx, state: string | undefined): Promise<Found | null> {
  if (state === undefined || state.length > 128) return null;
  const { deps, network } = c.var;
  const id = await hashOf(state);
  const login = await readLogin(deps.kv, network.net, { id, now: deps.now() });
  if (login === null) return null;
  return { id, state, login, node: (await nodeIdOf(login.key)).slice(0, 8), view: await network.replica.refresh() };
}

/** The first answer counts. */
async function settle(c: Ctx, { id }: Found, answer: NonNullable<StoredLogin["answer"]>): Promise<void> {
  const { deps, network } = c.var;
  const change = (before: StoredLogin) => before.answer === null ? { ...before, answer } : null;
  await changeLogin(deps.kv, network.net, { id, now: deps.now(), change });
}

function over(c: Ctx): Response {
  return page(c, {
    title: "This log-in is over",
    lines: [
      "It is not known here, or took longer than ten minutes. Begin again on the machine: ghostlink join or ghostlink login.",
    ],
  }, 404);
}
