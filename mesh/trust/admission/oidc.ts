/**
 * Admission by OpenID Connect: the proof is the user's ID token, whose `nonce` is the hash of network and identity key, so the
 * provider itself vouches for this very key (the idea of OpenPubkey). Which issuers, audiences, claims and domains count
 * is in the signed policy; coordinator, gates and peers all check the token, with nobody's help.
 *
 * Who the user is: `sub` at `iss`, for good. An e-mail address selects in the policy only when the provider says that it is
 * verified, and makes nobody the owner of another's machines. Groups are those of the newest log-in.
 *
 * How long it counts: an ID token expires within the hour, a membership does not. The door checks `exp` when it sees a token for
 * the first time; everybody checks `iat` against the lifetime that the policy sets.
 *
 * Which keys count: those that this verifier has fetched from the issuer by its own TLS, and those of the ledger's `issuer` entries.
 * A key that the issuer has rotated away still checks tokens dated before it was found gone, so that log-ins outlive rotations.
 * Who steals such an old key can date tokens back and come in for as long as the policy's lifetime lasts from that date; a
 * short lifetime bounds that. The coordinator has no say in any of it: a key that is unknown here is `unknown_key`.
 *
 * RFC 7515, 7518, 8725; OpenID Connect Core 1.0, 3.1.3.7.
 */
import { compactVerify, decodeProtectedHeader, importJWK } from "jose";
import { MAX_CLOCK_SKEW } from "../../wire/api.ts";
import type { OidcAdmit } from "../../wire/admit.ts";
import { fromBase64Url, fromUtf8, parseJson } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import type { AdmissionProof } from "../../wire/record.ts";
import { parse, seconds, z } from "../../wire/schema.ts";
import { hashOf } from "../keys.ts";
import type { Admission, AdmissionContext, IssuerKey } from "./admission.ts";

type OidcProof = Extract<AdmissionProof, { kind: "oidc" }>;

const PLACE = "record.proof.idToken";
/** A token with many claims, and no more: it travels in every record. */
const MAX_TOKEN = 16_384;
const MAX_GROUPS = 200;
const AGAIN = "log in again: ghostlink login";

/** The algorithms that count, each with the only kind of key that it is checked by. */
const ALGORITHMS: Readonly<Record<string, { kty: string; crv?: string }>> = {
  RS256: { kty: "RSA" },
  PS256: { kty: "RSA" },
  ES256: { kty: "EC", crv: "P-256" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
};

const claimsSchema = z.looseObject({
  iss: z.string().max(2048),
  sub: z.string().min(1).max(255).regex(/^[\x21-\x7e]+$/, "Expected printable ASCII"),
  aud: z.union([z.string().max(512), z.array(z.string().max(512)).min(1).max(32)]),
  azp: z.string().max(512).optional(),
  nonce: z.string().max(128),
  iat: seconds,
  exp: seconds,
});
type Claims = z.infer<typeof claimsSchema>;

/** What a token must carry as `nonce` to admit this identity key to this network. */
export async function oidcNonce(net: string, key: string): Promise<string> {
  return await hashOf(`ghostmesh oidc ${net} ${key}`);
}

/** Issuer and key id that a token names, unverified: to know which keys to fetch. Null when it is no token. */
export function issuerOf(idToken: string): { issuer: string; kid: string | undefined } | null {
  try {
    const { header, claims } = readToken(idToken);
    return { issuer: claims.iss, kid: header.kid };
  } catch {
    return null;
  }
}

/**
 * Checks a proof of kind `oidc`.
 * @throws GhostError `bad_signature`, `unknown_key`, `not_admitted`, `clock_skew`
 */
export async function verifyOidcProof(proof: OidcProof, context: AdmissionContext): Promise<Admission> {
  const { header, claims } = readToken(proof.idToken);
  const rules = context.admit.filter((rule) => rule.method === "oidc").filter((rule) => rule.issuer === claims.iss);
  if (rules.length === 0) throw refused(`The network's policy admits nobody by ${claims.iss}`);
  await checkSignature(proof.idToken, { ...context, header, claims });
  if (claims.nonce !== await oidcNonce(context.ledger.network.id, context.key)) {
    throw refused("The log-in was made for another machine or network");
  }
  let why: unknown;
  for (const rule of rules) {
    try {
      return admission(rule, claims, context);
    } catch (error) {
      why ??= error;
    }
  }
  throw why;
}

interface Header {
  alg: string;
  kid: string | undefined;
}

function readToken(text: string): { header: Header; claims: Claims } {
  if (text.length > MAX_TOKEN) {
    throw new GhostError("too_large", `Longer than ${MAX_TOKEN} characters`, { place: PLACE });
  }
  let header: Header;
  let payload: unknown;
  try {
    const { alg, kid, crit, b64 } = decodeProtectedHeader(text);
    if (crit !== undefined || b64 !== undefined) throw new Error("extensions");
    header = { alg: String(alg), kid };
    payload = parseJson(fromUtf8(fromBase64Url(text.split(".")[1] ?? "")), { max: MAX_TOKEN });
  } catch (cause) {
    throw new GhostError("bad_signature", "Not an ID token", { place: PLACE, cause });
  }
  if (!Object.hasOwn(ALGORITHMS, header.alg)) {
    throw new GhostError("bad_signature", `Signed by "${header.alg.slice(0, 32)}", which does not count`, {
      place: PLACE,
      mend: `let the provider sign ID tokens by one of ${Object.keys(ALGORITHMS).join(", ")}`,
    });
  }
  return { header, claims: parse(claimsSchema, payload, PLACE, "not_admitted") };
}

async function checkSignature(
  token: string,
  { ledger, issuerKeys, header, claims }: AdmissionContext & { header: Header; claims: Claims },
): Promise<void> {
  const known: IssuerKey[] = [...ledger.issuerKeys(claims.iss), ...(issuerKeys?.(claims.iss) ?? [])];
  const fitting = known.filter(({ jwk }) => fits(jwk, header));
  const inTime = fitting.filter(({ seen }) => seen === null || claims.iat <= seen + MAX_CLOCK_SKEW);
  for (const { jwk } of inTime) {
    try {
      // Only what makes the key itself: nothing that a document says beside it changes how it is used.
      const { kty, n, e, crv, x, y } = jwk as Record<string, string>;
      const bare = Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, v]) => v !== undefined));
      await compactVerify(token, await importJWK(bare, header.alg), { algorithms: [header.alg] });
      return;
    } catch {
      // Another key with this id may fit.
    }
  }
  if (inTime.length > 0) throw new GhostError("bad_signature", "The issuer's signature does not fit", { place: PLACE });
  const name = `The signing key "${header.kid ?? "without a name"}" of ${claims.iss}`;
  if (fitting.length > 0) throw refused(`${name} was rotated away before this log-in is dated`, AGAIN);
  throw new GhostError("unknown_key", `${name} is not known here`, {
    place: PLACE,
    mend: "let this machine reach the issuer, or an admin sign its keys into the ledger",
  });
}

function fits(jwk: IssuerKey["jwk"], { alg, kid }: Header): boolean {
  const { kty, crv } = ALGORITHMS[alg]!;
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) return false;
  if (jwk.use !== undefined && jwk.use !== "sig") return false;
  if (jwk.alg !== undefined && jwk.alg !== alg) return false;
  return kid === undefined || jwk.kid === undefined || jwk.kid === kid;
}

function admission(rule: OidcAdmit, claims: Claims, { now, fresh }: AdmissionContext): Admission {
  const audiences = [claims.aud].flat();
  const known = (id: string) => rule.clientIds.includes(id);
  if (!audiences.every(known)) throw refused(`The log-in was made for "${audiences.find((id) => !known(id))}"`);
  if (claims.azp !== undefined ? !known(claims.azp) : audiences.length > 1) {
    throw refused("The log-in was made by another client");
  }
  if (claims.iat > now + MAX_CLOCK_SKEW) {
    const mend = "set the clock of this machine, or of the issuer";
    throw new GhostError("clock_skew", `Logged in ${claims.iat - now} s in the future`, { place: PLACE, mend });
  }
  if (claims.exp <= claims.iat) throw refused("The ID token expires before it was made");
  const time = (at: number) => new Date(at * 1000).toISOString();
  if (fresh && claims.exp + MAX_CLOCK_SKEW <= now) throw refused(`The ID token expired at ${time(claims.exp)}`, AGAIN);
  const expires = claims.iat + rule.lifetime;
  if (expires <= now) throw refused(`The log-in ended at ${time(expires)}`, AGAIN);
  const email = verifiedEmail(claims);
  if (rule.domains.length > 0) {
    if (email === null) throw refused("The issuer does not say that the user's e-mail address is verified");
    const domain = email.slice(email.lastIndexOf("@") + 1);
    if (!rule.domains.includes(domain)) throw refused(`The policy lets nobody in from "${domain}"`);
  }
  for (const [name, wanted] of Object.entries(rule.claims)) {
    const has = Object.hasOwn(claims, name) ? [claims[name]].flat() : [];
    if (!has.some((value) => wanted.includes(textOf(value)))) throw refused(`The claim "${name}" is not one let in`);
  }
  return {
    method: "oidc",
    tags: [...rule.tags],
    user: email,
    subject: `${claims.sub}@${claims.iss}`,
    groups: groupsOf(claims, rule.groupsClaim),
    prefixes: [],
    ephemeral: false,
    gate: false,
    grant: null,
    since: claims.iat,
    expires,
  };
}

/**
 * The address that selects in the policy, in lower case. ASCII only: other letters that look alike, or become alike in lower
 * case, would let one user pass for another.
 */
function verifiedEmail(claims: Claims): string | null {
  const { email, email_verified: verified } = claims;
  if (verified !== true || typeof email !== "string" || email.length > 254) return null;
  if (!/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(email)) return null;
  return email.toLowerCase();
}

function groupsOf(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? [claims[name]].flat() : [];
  const groups = value.filter((g) => typeof g === "string").filter((g) => /^[^\s"]{1,128}$/.test(g));
  return [...new Set(groups)].slice(0, MAX_GROUPS);
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function refused(message: string, mend?: string): GhostError {
  return new GhostError("not_admitted", message, mend === undefined ? { place: PLACE } : { place: PLACE, mend });
}
