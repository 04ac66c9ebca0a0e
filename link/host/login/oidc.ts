/**
 * Logging in at an identity provider (authorization code with PKCE, RFC 6749, 7636, 8252), so that it vouches for this machine's
 * identity key: the request's `nonce` is the hash of network and key.
 *
 * The browser comes back either to this machine's own loopback address, or, when the browser runs elsewhere, to the coordinator,
 * which passes the code on (mesh/server/routes/oidc.ts). The address that is shown is the provider's own, never one of the
 * coordinator's, and where to log in is the signed policy's word; so a hostile coordinator can send nobody to a page of its own.
 * `state` and the verifier stay here; the coordinator learns the hash of `state`, and of the code what it can't use.
 */
import type { MeshClient } from "../../../mesh/client/mod.ts";
import { discover, type Discovery, oidcNonce } from "../../../mesh/trust/admission/mod.ts";
import { hashOf } from "../../../mesh/trust/keys.ts";
import type { OidcAdmit } from "../../../mesh/wire/admit.ts";
import { type Bytes, toBase64Url } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { jws, parse, z } from "../../../mesh/wire/schema.ts";
import { type Loopback, loopback } from "./loopback.ts";

/** Milliseconds between questions whether the browser has come back. */
const POLL = 1000;
/** How long a user has, in milliseconds; as the coordinator keeps a log-in. */
const PATIENCE = 600_000;

const tokenAnswer = z.looseObject({ id_token: jws });

/** Who logs in where, and for what. */
export interface LoginOptions {
  rule: OidcAdmit;
  net: string;
  networkName: string;
  /** The machine's identity key, public half. */
  key: string;
  machine: string;
  /** True when the browser runs on this machine. */
  browser: boolean;
  mesh: Pick<MeshClient, "server" | "startLogin" | "loginAnswer">;
  fetchJson(url: string, o?: { form?: URLSearchParams }): Promise<unknown>;
  random(n: number): Bytes;
  /** Shows the address to go to. */
  show(url: string): void;
}

/** A log-in that went well; `told` ends the page that the user sees. */
export interface LoggedIn {
  idToken: string;
  told(user: string): Promise<void>;
}

/**
 * Logs in; takes as long as its user does, at most ten minutes.
 * @throws GhostError `unreachable`, `timeout`, `not_admitted` when the provider refuses
 */
export async function logIn(o: LoginOptions): Promise<LoggedIn> {
  const ends = await discover(o.rule.issuer, o.fetchJson);
  const state = toBase64Url(o.random(32));
  const verifier = toBase64Url(o.random(32));
  const local = o.browser ? loopback({ state, machine: o.machine, network: o.networkName }) : null;
  try {
    const redirect = local?.redirect ?? new URL("/v1/oidc/callback", o.mesh.server).href;
    const id = await hashOf(state);
    if (!local) await o.mesh.startLogin({ id, machine: o.machine });
    o.show(await authorization(ends, { ...o, state, redirect, challenge: await hashOf(verifier) }));
    const { code, issuer } = local ? await patiently(local) : { code: await remoteCode(o.mesh, id), issuer: undefined };
    // RFC 9207: who sent the browser back is whom we asked.
    if (issuer !== undefined && issuer !== o.rule.issuer) throw refused(`The log-in came back from ${issuer}`);
    const idToken = await exchange(ends, { ...o, code, redirect, verifier });
    const told = async (user: string) => {
      if (local) await local.finish(user);
      else await o.mesh.loginAnswer({ id, user }).catch(() => {}); // a courtesy: the page goes on saying "one moment"
    };
    return { idToken, told };
  } catch (error) {
    await local?.finish(null);
    throw error;
  }
}

async function authorization(
  ends: Discovery,
  o: LoginOptions & { state: string; redirect: string; challenge: string },
): Promise<string> {
  const url = new URL(ends.authorization_endpoint);
  const offered = (scope: string) => ends.scopes_supported?.includes(scope) ?? false;
  const parameters = {
    response_type: "code",
    client_id: o.rule.clientIds[0]!,
    redirect_uri: o.redirect,
    scope: ["openid", "email", ...["profile", "groups"].filter(offered)].join(" "),
    state: o.state,
    nonce: await oidcNonce(o.net, o.key),
    code_challenge: o.challenge,
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

async function exchange(
  ends: Discovery,
  o: LoginOptions & { code: string; redirect: string; verifier: string },
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: o.code,
    redirect_uri: o.redirect,
    client_id: o.rule.clientIds[0]!,
    code_verifier: o.verifier,
    ...(o.rule.clientSecret === null ? {} : { client_secret: o.rule.clientSecret }),
  });
  const answer = await o.fetchJson(ends.token_endpoint, { form });
  return parse(tokenAnswer, answer, ends.token_endpoint, "unreachable").id_token;
}

async function patiently(local: Loopback): Promise<{ code: string; issuer: string | undefined }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => timer = setTimeout(() => reject(timedOut()), PATIENCE));
  try {
    return await Promise.race([local.code, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function remoteCode(mesh: LoginOptions["mesh"], id: string): Promise<string> {
  for (let waited = 0; waited < PATIENCE; waited += POLL) {
    const answer = await mesh.loginAnswer({ id });
    if (answer !== null && "error" in answer) throw refused(`The identity provider refused: ${answer.error}`);
    if (answer !== null) return answer.code;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  throw timedOut();
}

function timedOut(): GhostError {
  return new GhostError("timeout", "Nobody logged in within ten minutes", { mend: "begin again" });
}

function refused(message: string): GhostError {
  return new GhostError("not_admitted", message, { mend: "begin again, or ask whoever runs the identity provider" });
}
