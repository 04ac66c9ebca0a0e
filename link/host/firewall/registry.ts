/** The firewall back ends that `[link] firewall` names. A further one is one file and one line here. */
import type { FirewallMaker } from "./backend.ts";

/** By name; loaded when one is used. */
export const FIREWALLS: Record<string, FirewallMaker> = {
  nft: async (context) => (await import("./nft.ts")).nftFirewall(context),
  none: async () => (await import("./none.ts")).noFirewall,
};
