/** What the machine should be now, by all parts of a daemon. */
import { addressesOf } from "./join.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Parts } from "./parts.ts";
import type { Wanted } from "./wanted.ts";

/** See the head of this file. */
export function wantedNow(
  { view, names, peers, exit, surroundings, collisions }: Parts,
  { id, own }: { id: string; own: OwnRecord },
): Wanted {
  return {
    publicKey: own.identity.wg.public,
    privateKey: (publicKey) => own.privateKey(publicKey),
    addresses: addressesOf(view.nodes.get(id) ?? own.record),
    resolver: names.wanted,
    peers: peers.wanted(),
    ...collisions.claims,
    retiring: peers.retiring(),
    filter: view.rights.filter({ exit: exit.node }),
    policy: view.policyEntry,
    routes: view.rights.routes(),
    coordinator: surroundings.coordinator(),
    outside: surroundings.outside(),
    exit: exit.wanted(),
    past: exit.past(),
  };
}
