/** The NAT kinds that the lab has as nftables rule sets, and what theory says of each pair of them. */
import type { NatKind } from "./net.ts";

export const NATS = {
  eim_eif: { mapping: "eim", filtering: "eif", preserving: true },
  eim_adf: { mapping: "eim", filtering: "adf", preserving: true },
  eim_apdf: { mapping: "eim", filtering: "apdf", preserving: true },
  eim_apdf_not_preserving: { mapping: "eim", filtering: "apdf" },
  one_to_one: { mapping: "eim", filtering: "eif", preserving: true },
  hairpin: { mapping: "eim", filtering: "eif", hairpin: true },
  adm_apdf: { mapping: "adm", filtering: "apdf" },
  apdm_apdf: { mapping: "apdm", filtering: "apdf" },
} as const satisfies Record<string, NatKind>;

export type NatName = keyof typeof NATS;
export const NAT_NAMES = Object.keys(NATS) as NatName[];

/**
 * Whether simultaneous open without guessing joins two NATs. An end whose mapping depends on the destination sends from a
 * port that nobody has seen, so the other end must be findable (EIM) and let strangers' ports in (EIF or ADF).
 */
export function isDirect(a: NatName, b: NatName): boolean {
  const [x, y]: [NatKind, NatKind] = [NATS[a], NATS[b]];
  if (x.mapping === "eim" && y.mapping === "eim") return true;
  if (x.mapping !== "eim" && y.mapping !== "eim") return false;
  return (x.mapping === "eim" ? x : y).filtering !== "apdf";
}
