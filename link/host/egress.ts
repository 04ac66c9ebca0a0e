/** Where traffic to the prefixes that this machine carries leaves it. */
import ipaddr from "ipaddr.js";
import type { Egress } from "../../mesh/host/forwarding.ts";
import type { IpTool } from "./ip.ts";

/** Addresses that only default routes lead to, for questions about the way there; nothing is sent. */
const ANYWHERE: Record<string, string> = { "0.0.0.0/0": "1.1.1.1", "::/0": "2606:4700:4700::1111" };

/** The interfaces, once for each family; the tunnel's own is none. */
export async function egressOf(prefixes: readonly string[], ip: Pick<IpTool, "routeTo" | "iface">): Promise<Egress[]> {
  const found = new Map<string, Egress>();
  for (const prefix of prefixes) {
    const route = await ip.routeTo(ANYWHERE[prefix] ?? ipaddr.parseCIDR(prefix)[0].toString());
    const family = prefix.includes(":") ? 6 : 4;
    if (route && route.iface !== ip.iface) found.set(`${route.iface} ${family}`, { iface: route.iface, family });
  }
  return [...found.values()];
}
