/** Exit nodes while the tunnel is down: what is set can be given up, and the kill switch with it. */
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { LocalExit, LocalExitRequest } from "../../../mesh/wire/local_exit.ts";
import type { Platform } from "../platform.ts";
import type { NodeState } from "../state.ts";

/** What `ghostctl exit-node` gets. @throws GhostError `not_supported` for what needs the tunnel */
export async function idleExit(
  request: LocalExitRequest | null,
  o: {
    state: NodeState;
    platform: Pick<Platform, "releaseKillSwitch" | "killSwitchHolds">;
    iface: string;
    /** `[link] exit`: offers itself unless ghostctl said otherwise. */
    offer: boolean;
  },
): Promise<LocalExit> {
  if (request && !("use" in request && request.use === null)) {
    throw new GhostError("not_supported", "The tunnel is down", { mend: "type: ghostctl up" });
  }
  if (request) {
    await o.state.changeSettings({ exit: null });
    await o.platform.releaseKillSwitch(o.iface);
  }
  const { exit, offer } = await o.state.settings();
  const notes = ["the tunnel is down: ghostctl up", ...await killSwitchNote(o)];
  return {
    use: exit && { ...exit, ipv4: false, ipv6: false, why: "the tunnel is down" },
    offer: { on: offer ?? o.offer, announced: [], approved: [] },
    exits: [],
    notes,
  };
}

/** What a person should know of the kill switch while the tunnel is down; nothing without one. */
export async function killSwitchNote(
  { state, platform, iface }: { state: NodeState; platform: Pick<Platform, "killSwitchHolds">; iface: string },
): Promise<string[]> {
  if (!(await state.settings()).exit?.killSwitch) return [];
  return [
    await platform.killSwitchHolds(iface)
      ? "the kill switch holds: nothing leaves (ghostctl exit-node none)"
      : "the kill switch is gone, so traffic leaves as before: ghostctl up",
  ];
}
