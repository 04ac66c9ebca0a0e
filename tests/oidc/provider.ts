/**
 * A real OpenID provider (npm's oidc-provider) on loopback, and a user who logs in by filling its forms. Users and their claims are
 * set by the test; keys can be rotated, which is a provider of the same address with other keys.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

/** What the provider says of a user besides `sub`. */
export type UserClaims = Record<string, unknown>;

export interface TestProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Claims by account; the account's name is `sub`. */
  readonly users: Map<string, UserClaims>;
  /** Signs with new keys from now on; `keep` leaves the old ones in the published set behind the new. */
  rotate(o?: { keep?: boolean }): Promise<void>;
}

/** Starts a provider; `clients` may come back to `redirects`, else to loopback. With a `secret` it insists on that. */
export async function startProvider(
  o: { clients: string[]; secret?: string; redirects?: string[]; alg?: "RS256" | "ES256" | "EdDSA" | "PS256" },
): Promise<TestProvider> {
  const alg = o.alg ?? "RS256";
  let handler: (request: unknown, response: unknown) => void = () => {};
  const server: Server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const users = new Map<string, UserClaims>();
  let n = 0;
  let keys = [await newKey(alg, `key-${n}`)];
  const build = () => {
    const provider = new Provider(issuer, {
      clients: o.clients.map((id) => ({
        client_id: id,
        ...(o.secret === undefined
          ? { token_endpoint_auth_method: "none" }
          : { token_endpoint_auth_method: "client_secret_post", client_secret: o.secret }),
        // A native client comes back to loopback on any port, and to https addresses elsewhere, of which a test has none.
        application_type: o.redirects ? "web" : "native",
        redirect_uris: o.redirects ?? ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        id_token_signed_response_alg: alg,
      })),
      jwks: { keys },
      enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
      pkce: { required: () => true },
      conformIdTokenClaims: false,
      claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"], profile: ["name", "hd"] },
      scopes: ["openid", "email", "groups", "profile"],
      cookies: { keys: ["a secret of the test"] },
      features: { devInteractions: { enabled: true } },
      findAccount: (_ctx: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, ...users.get(id) }),
      }),
    });
    handler = provider.callback();
  };
  build();
  return {
    issuer,
    users,
    async rotate({ keep = false } = {}) {
      const fresh = await newKey(alg, `key-${++n}`);
      keys = keep ? [fresh, ...keys] : [fresh];
      build();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const PARAMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
  PS256: { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
};

async function newKey(alg: keyof typeof PARAMS, kid: string): Promise<JsonWebKey & { kid: string }> {
  const pair = await crypto.subtle.generateKey(PARAMS[alg], true, ["sign", "verify"]) as CryptoKeyPair;
  const { key_ops: _, ext: __, ...jwk } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { ...jwk, kid, alg, use: "sig" };
}

/** A browser of the least: follows redirects by hand, keeps cookies, sends the form that a page shows. */
export async function logIn(url: string, { user, until }: { user: string; until: string }): Promise<string> {
  const cookies = new Map<string, string>();
  let at = url;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 20; step++) {
    if (at.startsWith(until)) return at;
    const response: Response = await fetch(at, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form ? { method: "POST", body: form } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [name = "", value = ""] = line.split(";")[0]!.split("=", 2);
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    form = null;
    const page: string = await response.text();
    const location = response.headers.get("location");
    if (location !== null) {
      at = new URL(location, at).href;
      continue;
    }
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined) throw new Error(`No way on from ${at}: ${response.status} ${page.slice(0, 600)}`);
    const prompt: string = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? "login";
    form = new URLSearchParams(prompt === "login" ? { prompt, login: user, password: "any" } : { prompt });
    at = new URL(action.replaceAll("&amp;", "&"), at).href;
  }
  throw new Error("The log-in goes round in circles");
}
