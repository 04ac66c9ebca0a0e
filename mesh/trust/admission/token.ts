/**
 * Admission by join token: the token holds a grant's private key, which signs the identity key that it admits; the grant, with
 * what it may admit, is in the ledger. Peers and gates check the proof as the coordinator does, with nobody's help.
 *
 * What signatures alone cannot say, and what a hostile coordinator that also holds a leaked token gains from it:
 * - How often a token was used. `uses` is counted at the coordinator's door and nowhere else, so such a coordinator can
 *   admit any number of machines of its own by a one-use token. It can count too low, which only narrows.
 * - When it was used. `iat` is the joining machine's word, so whoever holds the token can date a proof back and join after
 *   `expires`. Peers refuse only a proof that says of itself that it is late.
 * Such machines get what the grant says and no more: its tags, its user, its prefixes, nodes or gates. An admin ends it with one
 * `revoke` of the grant, which every peer enforces. Without the token the coordinator gains nothing: a proof names the identity key.
 */
import { GhostError } from "../../wire/errors.ts";
import { ADMISSION_TYP, admissionClaims, type AdmissionProof } from "../../wire/record.ts";
import { parse } from "../../wire/schema.ts";
import { signJws, verifyJws } from "../jws.ts";
import { nodeIdOf, type SigningKey } from "../keys.ts";
import type { Admission, AdmissionContext } from "./admission.ts";

const PLACE = "record.proof";
const MAX_PROOF = 2048;
const MEND = "ask an admin for a new one (ghostctl token create)";

type TokenProof = Extract<AdmissionProof, { kind: "token" }>;

/** Admits the identity key `sub` by a grant's private key; `iat` in seconds. */
export async function makeTokenProof(
  o: { grantKey: SigningKey; net: string; sub: string; iat: number },
): Promise<TokenProof> {
  const claims = { v: 1, net: o.net, sub: o.sub, iat: o.iat };
  return { kind: "token", jws: await signJws(claims, { typ: ADMISSION_TYP, key: o.grantKey }) };
}

/**
 * Whether a machine stays although its grant was revoked: if the policy does not say that it falls too, and an admin has
 * vouched for it by a `node` entry. That entry is what lets everybody tell it from a machine that comes later with the same
 * token and a date of its own choice (`ghostctl token revoke` signs one for each machine that is to stay).
 */
async function staysWithout(
  key: string,
  { ledger, admit }: Pick<AdmissionContext, "ledger" | "admit">,
): Promise<boolean> {
  if (admit.some((rule) => rule.method === "static" && rule.revokesNodes)) return false;
  return ledger.nodeSettings(await nodeIdOf(key)) !== undefined;
}

/**
 * Checks a proof of kind `token`.
 * @throws GhostError `bad_signature`, `not_admitted`, `revoked`, `token_expired`, `token_foreign`
 */
export async function verifyTokenProof(
  proof: TokenProof,
  { key, ledger, admit }: AdmissionContext,
): Promise<Admission> {
  const { key: grantKey, payload } = await verifyJws(proof.jws, { typ: ADMISSION_TYP, max: MAX_PROOF, place: PLACE });
  const claims = parse(admissionClaims, payload, PLACE, "not_admitted");
  const refuse = (code: "token_foreign" | "not_admitted" | "revoked" | "token_expired", message: string) =>
    new GhostError(code, message, { place: PLACE, mend: MEND });
  if (claims.net !== ledger.network.id) throw refuse("token_foreign", `The token is for network ${claims.net}`);
  if (claims.sub !== key) throw refuse("not_admitted", "The token admitted another identity");
  const revoked = ledger.isRevoked("grant", grantKey);
  if (revoked && !await staysWithout(key, { ledger, admit })) throw refuse("revoked", "The token was revoked");
  const grant = revoked ? ledger.revokedGrant(grantKey) : ledger.grant(grantKey);
  if (!grant) throw refuse("not_admitted", "The token's grant is not in the ledger");
  if (grant.expires !== null && claims.iat > grant.expires) {
    throw refuse("token_expired", `The token expired at ${new Date(grant.expires * 1000).toISOString()}`);
  }
  const { tags, user, prefixes, ephemeral, gate } = grant;
  // The policy's ways in are those of machines; a gate comes in by an admin's grant and nothing else.
  if (!gate && !admit.some((rule) => rule.method === "static")) {
    const mend = 'an admin can allow it: [[admit]] method = "static"';
    throw new GhostError("not_admitted", "The network's policy admits nobody by token", { place: PLACE, mend });
  }
  return {
    method: "token",
    tags: [...tags],
    user: user ?? null,
    subject: null,
    groups: [],
    prefixes: [...prefixes],
    ephemeral,
    gate,
    grant: grantKey,
    since: claims.iat,
    expires: null,
  };
}
