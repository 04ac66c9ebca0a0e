/**
 * Other programs' tables that may stop what this machine carries. In nftables what one table lets pass another may still drop,
 * and only its owner can change that: Docker, ufw and firewalld shut forwarding, also when they come after us. We touch no table
 * but our own, so all we can do is name what stands in the way.
 *
 * Judged from what is written and not from packets: a chain at the forward hook that drops what no rule accepts, in a table
 * without a rule for the tunnel's interface. iptables-legacy is not seen by nftables, nor here.
 */

/** A table that is not ours. */
export interface ForeignTable {
  family: string;
  name: string;
  /** Chains at the forward hook. */
  chains: readonly { name: string; policy: string }[];
  /** Rules of all its chains, in their order, as `nft -j` tells of them. */
  rules: readonly { chain: string; expr: readonly Record<string, unknown>[] }[];
}

/** Chains at the forward hook that drop what the table's rules do not accept, and name nothing of this interface. */
export function shutChains(table: ForeignTable, iface: string): string[] {
  if (table.rules.some(({ expr }) => names(expr, iface) && !isDrop(expr.at(-1)))) return [];
  return table.chains.filter(({ name, policy }) => {
    const all = table.rules.filter(({ chain, expr }) => chain === name && !expr.some((e) => "match" in e));
    const last = all.map(({ expr }) => expr.at(-1)).find((e) => isDrop(e) || (e !== undefined && "accept" in e));
    return last === undefined ? policy === "drop" : isDrop(last);
  }).map(({ name }) => name);
}

/** Whether a rule is about packets to or from the interface. */
function names(expr: readonly Record<string, unknown>[], iface: string): boolean {
  return expr.some((e) => {
    const text = JSON.stringify(e.match ?? null);
    if (!/"(?:iifname|oifname|iif|oif)"/.test(text)) return false;
    if (text.includes(JSON.stringify(iface))) return true;
    const stems = [...text.matchAll(/"([a-z0-9_.-]+)\*"/g)].map(([, stem]) => stem!);
    return stems.some((stem) => iface.startsWith(stem));
  });
}

function isDrop(e: Record<string, unknown> | undefined): boolean {
  return e !== undefined && ("drop" in e || "reject" in e);
}

/** What a person should know of it, and do. */
export function shutLine(table: ForeignTable, chain: string, iface: string): string {
  // Docker's own place for others' rules, which it jumps to first.
  const docker = table.rules.some(({ expr }) => JSON.stringify(expr).includes('"DOCKER-USER"')) ? "DOCKER-USER" : chain;
  const own = table.family === "ip" || table.family === "ip6"
    ? `${table.family === "ip" ? "iptables" : "ip6tables"} -I ${docker} -i ${iface} -j ACCEPT, and the same with -o`
    : `a rule there, or in that firewall's settings, that accepts ${iface}`;
  return `what this machine carries may be dropped: chain ${chain} of the nftables table ${table.family} ${table.name}, ` +
    `which is another program's, accepts nothing of ${iface}; let it: ${own}`;
}
