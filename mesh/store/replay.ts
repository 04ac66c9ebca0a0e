/** Request proofs count once: the store remembers their ids for as long as their time would be accepted. */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import { keys } from "./keys.ts";

/**
 * Notes that a proof has been used.
 * @throws GhostError `replayed` when it had been
 */
export async function useProof(kv: Deno.Kv, net: string, { key, jti }: { key: string; jti: string }): Promise<void> {
  const id = keys.jti(net, key, jti);
  // Accepted from MAX_CLOCK_SKEW before to MAX_CLOCK_SKEW after its time; a minute more for clocks of other instances.
  const expireIn = (2 * MAX_CLOCK_SKEW + 60) * 1000;
  const { ok } = await kv.atomic().check({ key: id, versionstamp: null }).set(id, 1, { expireIn }).commit();
  if (!ok) {
    throw new GhostError("replayed", "This request proof has been used before", {
      mend: "make a new proof for each request",
    });
  }
}
