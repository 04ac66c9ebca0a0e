/**
 * The second wall around the relay, in a table of our own: whatever coturn is talked into, a packet from a relay port leaves
 * this host for the outside only, or for another relay port here. Known by its source port: relay ports lie outside of the
 * range that the system gives to programs. IPv4 in IPv6 clothes leaves as IPv4, so the IPv4 rules meet it.
 */
import { removeTable } from "../nft.ts";
import type { TurnPlan } from "./config.ts";
import { deniedRanges } from "./denied.ts";
import { renderIngress } from "./ingress.ts";

export const TURN_TABLE = "ghostgate_turn";

/** Takes the table away, there or not. */
export const REMOVE_WALLS: string = removeTable(TURN_TABLE);

/** Replaces the table in one transaction: this wall, and the one before coturn's own port. */
export function renderWalls(plan: TurnPlan): string {
  const { relay, ports, overlay } = plan;
  const range = `${ports.first}-${ports.last}`;
  const denied = deniedRanges(overlay);
  const prefixes = (family: 4 | 6) => denied.filter((d) => d.family === family).map((d) => d.prefix).join(", ");
  const own = (v6: boolean) => relay.filter((ip) => ip.includes(":") === v6);
  const between = (word: string, ips: string[]) =>
    ips.length === 0 ? "" : `    ${word} daddr { ${ips.join(", ")} } udp dport ${range} accept\n`;
  return `${REMOVE_WALLS}table inet ${TURN_TABLE} {
  set denied4 {
    type ipv4_addr; flags interval; auto-merge
    elements = { ${prefixes(4)} }
  }
  set denied6 {
    type ipv6_addr; flags interval; auto-merge
    elements = { ${prefixes(6)} }
  }
  chain egress {
    type filter hook output priority filter; policy accept;
    meta l4proto != udp accept
    udp sport != ${range} accept
${between("ip", own(false))}${between("ip6", own(true))}    fib daddr type { local, broadcast, multicast } counter drop
    ip daddr @denied4 counter drop
    ip6 daddr @denied6 counter drop
  }
${renderIngress(plan)}}
`;
}
