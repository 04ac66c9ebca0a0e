/**
 * How long a machine's key counts by the policy's `[expiry]`, counted from what let it in: the token's proof, the log-in, or the
 * certificate. Coordinator, gates, peers and ghostctl all come here by verifyNodeRecord, so that no coordinator can keep a
 * key alive that has ended.
 *
 * A machine that still holds a token may prove itself anew by it, as anybody may who holds it: what ends that is the token's
 * own end. An admin's `node` entry with an end of its own stands above the policy (`ghostctl nodes expire NAME 90d`).
 */
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import type { AdmitRule } from "../wire/admit.ts";
import { GhostError } from "../wire/errors.ts";
import type { Admission } from "./admission/mod.ts";
import { time } from "./statement.ts";

const METHODS: Record<Admission["method"], AdmitRule["method"]> = { token: "static", oidc: "oidc", x509: "mtls" };
const MENDS: Record<Admission["method"], string> = {
  token: "there: ghostlink login --auth TOKEN with a new one; or an admin: ghostctl nodes expire NAME 90d",
  oidc: "there: ghostlink login",
  x509: "give it a new certificate, or an admin: ghostctl nodes expire NAME 90d",
};
const PLACE = "record.proof";

/**
 * Seconds since 1970 from which on the key counts no more; null: it has no end.
 * @throws GhostError `not_admitted` when it has ended, `clock_skew` when its beginning is dated ahead
 */
export function keyEnd(
  { method, since, expires }: Pick<Admission, "method" | "since" | "expires">,
  { admit, tags, now }: { admit: readonly AdmitRule[]; tags: readonly string[]; now: number },
): number | null {
  const expiry = admit.find((rule) => rule.method === METHODS[method])?.expiry;
  if (expiry === undefined) return expires;
  const byTag = tags.filter((tag) => Object.hasOwn(expiry.tags, tag)).map((tag) => expiry.tags[tag] ?? Infinity);
  const seconds = byTag.length > 0 ? Math.min(...byTag) : expiry.seconds ?? Infinity;
  if (seconds === Infinity) return expires;
  if (since > now + MAX_CLOCK_SKEW) {
    throw new GhostError("clock_skew", `Admitted ${since - now} s in the future`, {
      place: PLACE,
      mend: "set the clock of that machine, and let it come in again",
    });
  }
  const end = since + seconds;
  if (end <= now) {
    throw new GhostError("not_admitted", `Its key has expired at ${time(end)}`, { place: PLACE, mend: MENDS[method] });
  }
  return Math.min(end, expires ?? Infinity);
}
