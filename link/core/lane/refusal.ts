/** Why a gate gives no lane, or has ended one, in words for people. */

const REFUSALS: Readonly<Record<string, (gate: string) => string>> = {
  "no-lanes": (gate) => `gate ${gate} has none (lanes = "" in its ghostgate.toml)`,
  "no-ports": (gate) => `all ports for lanes at gate ${gate} are taken`,
  "no-port": (gate) => `another program at gate ${gate} has the port`,
  "node-quota": (gate) => `one of the two machines has as many lanes as gate ${gate} gives one (lanes_per_node)`,
  "network-quota": (gate) => `the network has as many lanes as gate ${gate} gives it (lanes_per_network)`,
  unproved: (gate) => `the lane's UDP port at gate ${gate} did not answer one of the two machines: is it let through?`,
};

/**
 * Null when there is nothing to mend: it has come to its end as lanes do.
 * @param reason the gate's word in `lane-ended` @param gate its name
 */
export function laneRefusal(reason: string, gate: string): string | null {
  return REFUSALS[reason]?.(gate) ?? null;
}
