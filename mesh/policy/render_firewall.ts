/**
 * Firewall rules as nftables text: one chain for each direction, in the order of the filter, and one for each rule that keeps in
 * mind what it met. No line of them accepts, so they can only take away.
 *
 * A limit is kept for each sender's address. It looks at packets that open a flow (`ct state new`), which all packets of a UDP
 * sender do that nobody answers.
 */
import type { Counted } from "./counted.ts";
import { chain, NAME, prefixesOf, seenChain, seenChainName, services, type Sets } from "./render_parts.ts";
import type { FirewallLine } from "./types.ts";

const SECONDS = { second: 1, minute: 60, hour: 3600 };
/** Senders whose rates are kept, and for how long at least and at most after their last packet, in seconds. */
const SENDERS = 65_535;
const KEPT = [60, 7 * 86_400] as const;

/** The name of a direction's chain. */
export const firewallChain = (direction: "in" | "out"): string => `${NAME}firewall_${direction}`;

/** The chains of one direction; "" without a line. */
export function renderFirewall(all: readonly FirewallLine[], direction: "in" | "out", sets: Sets): string {
  const lines = all.filter((line) => line.direction === direction);
  if (lines.length === 0) return "";
  const text = lines.map((line) => seenChain(countedOf(line), line.action.kind === "log" ? "" : "drop"));
  const body = lines.flatMap((line) => ([4, 6] as const).flatMap((family) => render(line, family, { sets, text })));
  return [...text, chain(firewallChain(direction), body)].join("");
}

/** Whose the counts of a line are. */
function countedOf({ direction, rule }: FirewallLine): Counted {
  return { kind: "firewall", direction, rules: [rule] };
}

function render(line: FirewallLine, family: 4 | 6, { sets, text }: { sets: Sets; text: string[] }): string[] {
  const ip = family === 4 ? "ip" : "ip6";
  let match = `meta nfproto ipv${family} `;
  for (const [side, prefixes] of [["saddr", line.sources], ["daddr", line.destinations]] as const) {
    if (prefixes === null) continue;
    const own = prefixesOf(family, prefixes);
    if (own.length === 0) return [];
    match += `${ip} ${side} @${sets.of(family, own)} `;
  }
  const met = seenChainName(countedOf(line));
  const verdict = line.action.kind === "log" ? `jump ${met}` : `goto ${met}`;
  if (line.action.kind === "drop") return services(line.ports, family).map((service) => match + service + verdict);
  if (line.action.kind === "log") {
    return services(line.ports, family).map((service) => `ct state new ${match}${service}${verdict}`);
  }
  const { rate, per, burst } = line.action;
  const refilled = Math.ceil(burst / rate * SECONDS[per]);
  const name = `${NAME}limit_${line.direction}_${line.rule}_${family}`;
  text.push(
    `set ${name} {\n  type ipv${family}_addr\n  size ${SENDERS}\n  flags dynamic,timeout\n` +
      `  timeout ${Math.min(Math.max(refilled, KEPT[0]), KEPT[1])}s\n}\n`,
  );
  const over = `update @${name} { ${ip} saddr limit rate over ${rate}/${per} burst ${burst} packets } `;
  return services(line.ports, family).map((service) => `ct state new ${match}${service}${over}${verdict}`);
}
