/** The proofs that open a session between a node and a gate (wire/gate_session.ts says why they sign what they sign). */
import { GhostError } from "../wire/errors.ts";
import { SESSION_TYP, type SessionClaims, sessionClaims } from "../wire/gate_session.ts";
import { parse } from "../wire/schema.ts";
import { signJws, verifyJws } from "./jws.ts";
import type { SigningKey } from "./keys.ts";

const PLACE = "session proof";

/** Signs the claims by the identity key of the end that `role` names. */
export async function signSession(claims: SessionClaims, key: SigningKey): Promise<string> {
  return await signJws(parse(sessionClaims, claims, PLACE), { typ: SESSION_TYP, key });
}

/**
 * Checks that `key` signed exactly these claims.
 * @throws GhostError `bad_signature`, `bad_input`
 */
export async function verifySession(jws: string, expected: SessionClaims, key: string): Promise<void> {
  const { payload } = await verifyJws(jws, { typ: SESSION_TYP, key, max: 4096, place: PLACE });
  const claims = parse(sessionClaims, payload, PLACE, "bad_signature");
  // Parsed objects have their members in the schema's order, so equal claims have equal texts.
  if (JSON.stringify(claims) !== JSON.stringify(parse(sessionClaims, expected, PLACE))) {
    throw new GhostError("bad_signature", "The proof is for another session", { place: PLACE });
  }
}
