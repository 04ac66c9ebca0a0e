/** Debian's miniupnpd on a router of the lab: PCP, NAT-PMP and UPnP IGD, whose mappings are nftables rules. */
import type { Host } from "./lab.ts";
import type { Process } from "./process.ts";
import { ruleSet } from "./topology.ts";

/** Its chains are loaded anew at each start, so it begins without mappings, as a router that has restarted. */
const CHAINS = "miniupnpd";

/** Port mapping on a router whose inner interface is lan1 and whose outer one is wan0. */
export interface PortMapper {
  process: Process;
  /** Outer ports that lead somewhere now, as `PORT ADDRESS:PORT`. */
  mappings(): Promise<string[]>;
}

/**
 * Starts it.
 * @param o.outer the outer address that it names; miniupnpd refuses all that documents use as examples
 * @param o.lan the network behind, such as 10.9.1.0/24
 * @param o.upnp, o.pmp which protocols it speaks; `pmp` is PCP and NAT-PMP, `nat-pmp` drops requests for PCP
 */
export async function startPortMapper(
  router: Host,
  o: { outer: string; lan: string; upnp: boolean; pmp: boolean | "nat-pmp" },
): Promise<PortMapper> {
  const word = (on: boolean) => on ? "yes" : "no";
  await router.run(["nft", "-f", ruleSet(CHAINS)]);
  if (o.pmp === "nat-pmp") await router.run(["nft", "-f", ruleSet("no_pcp")]);
  await router.write(
    "miniupnpd.conf",
    [
      "ext_ifname=wan0",
      `ext_ip=${o.outer}`,
      "listening_ip=lan1",
      "ipv6_disable=yes",
      `enable_upnp=${word(o.upnp)}`,
      `enable_natpmp=${word(o.pmp !== false)}`,
      "secure_mode=yes",
      "system_uptime=no",
      "uuid=355f4200-6e5a-4314-88c0-508229a71047",
      `allow 1024-65535 ${o.lan} 1024-65535`,
      "deny 0-65535 0.0.0.0/0 0-65535",
      "",
    ].join("\n"),
  );
  const process = router.spawn("miniupnpd", ["miniupnpd", "-d", "-f", "miniupnpd.conf", "-P", "miniupnpd.pid"]);
  await process.line(/HTTP listening on port|Listening for NAT-PMP\/PCP traffic/);
  return {
    process,
    async mappings() {
      const { stdout } = await router.run(["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"]);
      return [...stdout.matchAll(/dport (\d+) .*dnat ip to ([0-9.]+:\d+)/g)].map(([, port, to]) => `${port} ${to}`);
    },
  };
}
