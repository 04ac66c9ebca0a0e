/** What the network view says of names. */
import { resolverAddress } from "../../../mesh/trust/address.ts";
import type { NetworkView } from "../network_view.ts";
import type { NamesSource } from "./names.ts";

/** The resolver's address in this network; null when its range has none to spare. */
export function resolverOf(view: NetworkView): string | null {
  return resolverAddress(view.ledger.network.ipv4);
}

/** This node and the peers that policy lets it see. `own`: host names of gates and the coordinator. */
export function namesSource(view: NetworkView, own: readonly string[]): NamesSource {
  const self = view.nodes.get(view.selfId);
  const { suffix } = view.ledger.network;
  const hosts = [...(self ? [self] : []), ...view.rights.peers()];
  const { upstreams, search, split, names } = view.rights.dns;
  return {
    suffix,
    hosts,
    ranges: view.rights.ranges(),
    own,
    given: [...names].map(([name, addresses]) => ({
      name: name.includes(".") ? name : `${name}.${suffix}`,
      addresses,
    })),
    settings: { upstreams, search, split: [...split].map(([domain, servers]) => ({ domain, servers })) },
  };
}
