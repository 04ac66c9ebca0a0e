/** The networks that the matrix puts machines in, and what theory says of each pair of them. */

/** RFC 4787 words; `blocked` passes no UDP, `null` filtering none. */
interface Behaviour {
  mapping: "eim" | "adm" | "apdm" | "blocked";
  filtering: "eif" | "adf" | "apdf";
}

/** Each is a rule set in scripts/lab/nat; `double` is a home router behind a carrier's. */
export const KINDS = {
  eim_eif: { mapping: "eim", filtering: "eif" },
  eim_adf: { mapping: "eim", filtering: "adf" },
  eim_apdf: { mapping: "eim", filtering: "apdf" },
  eim_apdf_not_preserving: { mapping: "eim", filtering: "apdf" },
  adm_apdf: { mapping: "adm", filtering: "apdf" },
  apdm_apdf: { mapping: "apdm", filtering: "apdf" },
  one_to_one: { mapping: "eim", filtering: "eif" },
  hairpin: { mapping: "eim", filtering: "eif" },
  double: { mapping: "eim", filtering: "apdf" },
  udpblock: { mapping: "blocked", filtering: "apdf" },
} as const satisfies Record<string, Behaviour>;

export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** `direct` by simultaneous open, `guess` by guessing as well, `relay` where neither helps. */
export function expected(a: Kind, b: Kind): "direct" | "guess" | "relay" {
  const [x, y]: [Behaviour, Behaviour] = [KINDS[a], KINDS[b]];
  if (x.mapping === "blocked" || y.mapping === "blocked") return "relay";
  const easy = [x, y].find((one) => one.mapping === "eim");
  if (!easy) return "relay";
  if (x.mapping === y.mapping || easy.filtering !== "apdf") return "direct";
  return "guess";
}
