/** The gate that somebody means. */
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";

/** The one gate of this name, id or identity key. @throws GhostError `not_found` */
export function findGate(gates: readonly VerifiedGate[], wanted: string): VerifiedGate {
  const fitting = gates.filter(({ id, key, name }) => id === wanted || key === wanted || name === wanted);
  if (fitting.length === 1) return fitting[0]!;
  const why = fitting.length === 0 ? `No gate "${wanted}"` : `Several gates are called "${wanted}"`;
  throw new GhostError("not_found", why, { mend: "see: ghostctl gate list" });
}
