/** What the network view says of names. */
import { resolverAddress } from "../../../mesh/trust/address.ts";
import { canonicalPrefix } from "../../core/plan/mod.ts";
import type { NetworkView } from "../network_view.ts";
import type { NamesSource } from "./names.ts";

/** The resolver's address in this network; null when its range has none to spare. */
export function resolverOf(view: NetworkView): string | null {
  return resolverAddress(view.ledger.network.ipv4);
}

/** This node and the peers that policy lets it see. `own`: host names of gates and the coordinator. */
export function namesSource(view: NetworkView, own: readonly string[]): NamesSource {
  const self = view.nodes.get(view.selfId);
  const { suffix, ipv4 } = view.ledger.network;
  const hosts = [...(self ? [self] : []), ...view.peers()];
  // The /48 that all IPv6 addresses of a network lie in (mesh/trust/address.ts).
  const net6 = hosts[0] === undefined ? [] : [canonicalPrefix(`${hosts[0].ipv6}/48`)];
  const { upstreams, search, split, names } = view.dns;
  return {
    suffix,
    hosts,
    ranges: [ipv4, ...net6],
    own,
    given: [...names].map(([name, addresses]) => ({
      name: name.includes(".") ? name : `${name}.${suffix}`,
      addresses,
    })),
    settings: { upstreams, search, split: [...split].map(([domain, servers]) => ({ domain, servers })) },
  };
}
