/**
 * ghostlink with a firewall back end that it does not know: one file and one line of the registry. It writes each filter to
 * /run/toy.json and refuses all of them while /run/toy.refuse is there.
 */
import type { FirewallMaker } from "../../../link/host/firewall/backend.ts";
import { FIREWALLS } from "../../../link/host/firewall/registry.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";

const toy: FirewallMaker = ({ iface }) => ({
  chains: () => "",
  async apply(filter) {
    if (await Deno.stat("/run/toy.refuse").then(() => true, () => false)) {
      throw new GhostError("internal", "No toy today");
    }
    await Deno.writeTextFile("/run/toy.json", JSON.stringify({ iface, filter }));
  },
  read: () =>
    Promise.resolve({
      counts: [{ of: { kind: "refused", direction: "in", rules: [] }, packets: 7, bytes: 9 }],
      flows: [],
    }),
  close: () => Deno.remove("/run/toy.json"),
});

FIREWALLS.toy = toy;
await import("../../../link/main.ts");
