/**
 * The proof that a request to the coordinator comes from the holder of a key: DPoP (RFC 9449) with the differences that
 * wire/api.ts gives. Replays within the clock's tolerance are the server's to refuse, by `jti`.
 */
import { MAX_CLOCK_SKEW, PROOF_TYP, type RequestProof, requestProof } from "../wire/api.ts";
import type { Bytes } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { parse } from "../wire/schema.ts";
import { signJws, verifyJws } from "./jws.ts";
import { hashOf, type SigningKey } from "./keys.ts";

const PLACE = "DPoP";
const MAX_PROOF = 4096;

/** A request as its proof sees it; `path` with query, `body` of no bytes when there is none. */
export interface ProvenRequest {
  method: string;
  path: string;
  net: string;
  body: Bytes;
}

/** Signs a request; `iat` in seconds, `jti` random (16 characters or more). */
export async function makeRequestProof(
  o: ProvenRequest & { key: SigningKey; iat: number; jti: string },
): Promise<string> {
  const { key, method: htm, path: htu, net, iat, jti } = o;
  const claims: RequestProof = { htm, htu, net, bh: await hashOf(o.body), iat, jti };
  return await signJws(parse(requestProof, claims, PLACE), { typ: PROOF_TYP, key });
}

/**
 * Checks that a proof is for this very request and fresh; `now` in seconds.
 * @throws GhostError `unauthorized`, `clock_skew`
 */
export async function verifyRequestProof(
  proof: string,
  o: ProvenRequest & { now: number },
): Promise<{ key: string; jti: string; iat: number }> {
  const { key, claims } = await read(proof);
  if (claims.htm !== o.method) throw refuse(`The proof is for ${claims.htm}, not ${o.method}`);
  if (claims.htu !== o.path) throw refuse("The proof is for another path");
  if (claims.net !== o.net) throw refuse(`The proof is for network ${claims.net}, not ${o.net}`);
  if (claims.bh !== await hashOf(o.body)) throw refuse("The proof is for another body");
  const skew = claims.iat - o.now;
  if (Math.abs(skew) > MAX_CLOCK_SKEW) {
    const message = `The caller's clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} the server's`;
    throw new GhostError("clock_skew", message, { place: PLACE, mend: "set the clock on the machine that is wrong" });
  }
  return { key, jti: claims.jti, iat: claims.iat };
}

async function read(proof: string): Promise<{ key: string; claims: RequestProof }> {
  try {
    const { key, payload } = await verifyJws(proof, { typ: PROOF_TYP, max: MAX_PROOF, place: PLACE });
    return { key, claims: parse(requestProof, payload, PLACE) };
  } catch (error) {
    // Whatever is wrong with it, the answer is 401.
    if (error instanceof GhostError) {
      throw new GhostError("unauthorized", error.message, { place: error.place ?? PLACE, cause: error });
    }
    throw error;
  }
}

function refuse(message: string): GhostError {
  return new GhostError("unauthorized", message, { place: PLACE });
}
