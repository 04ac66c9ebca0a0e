/**
 * What one verifier knows of identity providers: their endpoints and signing keys, read from the issuer itself over the
 * verifier's own TLS (OpenID Connect Discovery 1.0, RFC 7517). Fetching is handed in, so this holds on every host.
 *
 * Keys are kept after the issuer has rotated them away, with the time when they were found gone: a log-in counts for weeks, its
 * key may be in use for days. What is kept, how often an issuer is asked, and how much of its answer is read are bounded.
 */
import { type ErrorCode, GhostError } from "../../wire/errors.ts";
import { parse, seconds, z } from "../../wire/schema.ts";
import type { AdmitRule } from "../../wire/admit.ts";
import type { IssuerKey } from "./admission.ts";
import { issuerOf } from "./oidc.ts";

/** A key set younger than this is not fetched again, in seconds; a key that is missing makes it sooner. */
const FRESH = 3600;
const FRESH_WHEN_MISSING = 60;
/** Longest that a key found gone is kept: no log-in counts longer. */
const KEEP = 400 * 86_400;
const MAX_KEYS = 64;

const url = z.string().max(2048).refine((text) => URL.canParse(text), "Expected a URL");
const discovery = z.looseObject({
  issuer: z.string().max(2048),
  jwks_uri: url,
  authorization_endpoint: url,
  token_endpoint: url,
  scopes_supported: z.array(z.string().max(256)).max(1000).optional(),
});
/** What an issuer says of itself. */
export type Discovery = z.infer<typeof discovery>;

const text = z.string().max(4096);
const jwk = z.looseObject({
  kty: z.string().max(16),
  kid: text.optional(),
  use: text.optional(),
  alg: text.optional(),
});
const jwks = z.looseObject({ keys: z.array(jwk).max(64) });

/** The part of a key that is kept: the public half, and what tells it from others. */
const kept = z.object({
  kty: z.enum(["RSA", "EC", "OKP"]),
  kid: text.optional(),
  use: text.optional(),
  alg: text.optional(),
  n: text.optional(),
  e: text.optional(),
  crv: text.optional(),
  x: text.optional(),
  y: text.optional(),
});

export type PublicJwk = z.infer<typeof kept>;

/** The book as it is saved. */
const issuerPages = z.record(
  z.string().max(2048),
  z.object({ fetched: seconds, keys: z.array(z.object({ jwk: kept, seen: seconds.nullable() })).max(MAX_KEYS) }),
);
export type IssuerPages = z.infer<typeof issuerPages>;

/** How the book reaches the world. */
export interface IssuerBookOptions {
  /** Reads a JSON document by GET, bounded in size and time, without following redirects. */
  fetchJson(url: string): Promise<unknown>;
  /** Seconds since 1970. */
  now(): number;
  /** What was saved before, of whatever form. */
  load?(): Promise<unknown>;
  save?(pages: IssuerPages): Promise<void>;
}

/** Keys of issuers, kept up to date when asked to. */
export class IssuerBook {
  readonly #o: IssuerBookOptions;
  #pages: IssuerPages = {};
  #loading: Promise<void> | null = null;
  readonly #asked = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #faults = new Map<string, string>();

  constructor(o: IssuerBookOptions) {
    this.#o = o;
  }

  /** Reads what was saved; once. What cannot be read is fetched anew. */
  ready(): Promise<void> {
    return this.#loading ??= (async () => {
      const saved = issuerPages.safeParse(await this.#o.load?.() ?? {});
      if (saved.success) this.#pages = saved.data;
    })();
  }

  /** All keys known of an issuer. */
  keysOf(issuer: string): readonly IssuerKey[] {
    return (Object.hasOwn(this.#pages, issuer) ? this.#pages[issuer]!.keys : []) as readonly IssuerKey[];
  }

  /** Why the issuer could not be asked last time, or null. */
  fault(issuer: string): string | null {
    return this.#faults.get(issuer) ?? null;
  }

  /** Fetches an issuer's keys if those at hand are old, or if one is `missing`. True when there are other keys than before. */
  async refresh(issuer: string, o: { missing?: boolean } = {}): Promise<boolean> {
    const age = this.#o.now() - (this.#asked.get(issuer) ?? -Infinity);
    if (age >= 0 && age < (o.missing || this.#faults.has(issuer) ? FRESH_WHEN_MISSING : FRESH)) {
      return await this.#running.get(issuer) ?? false;
    }
    this.#asked.set(issuer, this.#o.now());
    const run = this.#fetch(issuer).finally(() => this.#running.delete(issuer));
    this.#running.set(issuer, run);
    return await run;
  }

  /** Refreshes what a token needs: its issuer, if the policy names it, and sooner when its key is missing. */
  async learn(idToken: string, admit: readonly AdmitRule[]): Promise<boolean> {
    await this.ready();
    const named = issuerOf(idToken);
    if (!named || !admit.some((rule) => rule.method === "oidc" && rule.issuer === named.issuer)) return false;
    const keys = this.keysOf(named.issuer);
    const missing = !keys.some(({ jwk }) => named.kid === undefined || jwk.kid === undefined || jwk.kid === named.kid);
    return await this.refresh(named.issuer, { missing });
  }

  async #fetch(issuer: string): Promise<boolean> {
    await this.ready();
    const before = JSON.stringify(this.keysOf(issuer));
    try {
      const { jwks_uri } = await discover(issuer, this.#o.fetchJson);
      this.#take(issuer, readKeySet(await this.#o.fetchJson(jwks_uri), "jwks", "unreachable"));
      this.#faults.delete(issuer);
    } catch (error) {
      this.#faults.set(issuer, error instanceof Error ? error.message : String(error));
      return false;
    }
    await this.#o.save?.(this.#pages);
    return JSON.stringify(this.keysOf(issuer)) !== before;
  }

  #take(issuer: string, current: readonly PublicJwk[]): void {
    const now = Math.floor(this.#o.now());
    const name = (key: unknown) => JSON.stringify(key);
    const names = new Set(current.map(name));
    const gone = (Object.hasOwn(this.#pages, issuer) ? this.#pages[issuer]!.keys : [])
      .filter(({ jwk }) => !names.has(name(jwk)))
      .map(({ jwk, seen }) => ({ jwk, seen: seen ?? now }))
      .filter(({ seen }) => seen > now - KEEP);
    const all = [...current.map((jwk) => ({ jwk, seen: null })), ...gone];
    this.#pages = { ...this.#pages, [issuer]: { fetched: now, keys: all.slice(0, MAX_KEYS) } };
  }
}

/**
 * The signing keys of a JWK set (RFC 7517): of each, the public half and what tells it from others. Keys of kinds that sign
 * no ID token are left out.
 * @throws GhostError `code` when it is no JWK set
 */
export function readKeySet(value: unknown, place: string, code: ErrorCode): PublicJwk[] {
  return parse(jwks, value, place, code).keys.flatMap((key) => {
    const read = kept.safeParse(key);
    return read.success ? [read.data] : [];
  });
}

/**
 * Reads what an issuer says of itself.
 * @throws GhostError `unreachable` when it cannot be read or is another issuer's
 */
export async function discover(issuer: string, fetchJson: (url: string) => Promise<unknown>): Promise<Discovery> {
  const place = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const document = parse(discovery, await fetchJson(place), place, "unreachable");
  if (document.issuer !== issuer) {
    throw new GhostError("unreachable", `The issuer calls itself ${document.issuer}`, {
      place,
      mend: "write the issuer in the policy exactly as it calls itself",
    });
  }
  // An https issuer that names plain http ends would undo its own TLS.
  for (const end of ["jwks_uri", "authorization_endpoint", "token_endpoint"] as const) {
    if (new URL(document[end]).protocol !== "https:" && new URL(issuer).protocol === "https:") {
      throw new GhostError("unreachable", `${end} is not https`, { place });
    }
  }
  return document;
}
