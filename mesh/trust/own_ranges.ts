/** The addresses of a network's own machines: nobody carries any of them as a route. */
import { GhostError } from "../wire/errors.ts";
import { networkPrefix6 } from "./address.ts";
import { contains, type Prefix, readPrefix } from "./prefix.ts";

/** @throws GhostError `bad_input` when the prefix holds addresses of the network's own machines */
export async function refuseOverlap(prefix: Prefix, network: { id: string; ipv4: string }): Promise<void> {
  for (const text of [network.ipv4, await networkPrefix6(network.id)]) {
    const own = readPrefix(text, { place: "ledger", code: "bad_ledger" });
    if (contains(own, prefix) || contains(prefix, own)) {
      throw new GhostError("bad_input", `${prefix.text} overlaps ${text}, the addresses of the network itself`, {
        mend: "choose a prefix beside it",
      });
    }
  }
}
