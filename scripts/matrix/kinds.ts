/** The networks that the matrix puts machines in, and what theory says of each pair of them. */

/** RFC 4787 words; `none` is no NAT, `blocked` passes no UDP, `eif` filtering none. */
interface Behaviour {
  mapping: "none" | "eim" | "adm" | "apdm" | "blocked";
  filtering: "eif" | "adf" | "apdf";
  /** IPv6 as well, behind a firewall that lets in what was asked for. */
  ipv6?: true;
}

/**
 * The nine rule sets of scripts/lab/nat, and four more: a public address, a carrier's NAT on 100.64.0.0/10, a home router behind
 * such a NAT, and a symmetric NAT with IPv6 beside it.
 */
export const KINDS = {
  eim_eif: { mapping: "eim", filtering: "eif" },
  eim_adf: { mapping: "eim", filtering: "adf" },
  eim_apdf: { mapping: "eim", filtering: "apdf" },
  eim_apdf_not_preserving: { mapping: "eim", filtering: "apdf" },
  adm_apdf: { mapping: "adm", filtering: "apdf" },
  apdm_apdf: { mapping: "apdm", filtering: "apdf" },
  one_to_one: { mapping: "eim", filtering: "eif" },
  hairpin: { mapping: "eim", filtering: "eif" },
  udpblock: { mapping: "blocked", filtering: "apdf" },
  public: { mapping: "none", filtering: "eif" },
  cgnat: { mapping: "eim", filtering: "apdf" },
  double: { mapping: "eim", filtering: "apdf" },
  dual_stack: { mapping: "apdm", filtering: "apdf", ipv6: true },
} as const satisfies Record<string, Behaviour>;

export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** `direct` by simultaneous open, `guess` by guessing as well, `relay` where neither helps. */
export function expected(a: Kind, b: Kind): "direct" | "guess" | "relay" {
  const [x, y]: [Behaviour, Behaviour] = [KINDS[a], KINDS[b]];
  if (x.mapping === "blocked" || y.mapping === "blocked") return "relay";
  if (x.ipv6 && y.ipv6) return "direct";
  const easy = [x, y].filter(({ mapping }) => mapping === "eim" || mapping === "none");
  if (easy.length === 0) return "relay";
  return easy.length === 2 || easy[0]!.filtering !== "apdf" ? "direct" : "guess";
}
