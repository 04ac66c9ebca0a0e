/**
 * What the tunnel has to be able to do, in a throw-away world: `scenarios.ts NAME [WIREGUARD_GO]`. Exit 0 when it does.
 * The tests in ../world_test.ts start it inside `unshare`.
 */
import { glance, lastResort, newPeer } from "./scenarios_machine.ts";
import { bridge4, bridge6, rotation } from "./scenarios_paths.ts";
import { forwarding, monitor, routesOfOthers } from "./scenarios_routes.ts";
import { leftovers, refusals, restart, tableOnly, tunnel } from "./scenarios_tunnel.ts";
import { portShared, stunSharing } from "./scenarios_stun.ts";

const SCENARIOS: Record<string, (programs?: readonly string[]) => Promise<void>> = {
  bridge4,
  bridge6,
  forwarding,
  glance,
  lastResort,
  leftovers,
  monitor,
  newPeer,
  portShared,
  refusals,
  restart,
  rotation,
  routesOfOthers,
  stunSharing,
  tableOnly,
  tunnel,
};

const [name, ...programs] = Deno.args;
const scenario = SCENARIOS[name ?? ""];
if (!scenario) throw new Error(`No scenario "${name}"`);
await scenario(programs.length === 0 ? undefined : programs);
Deno.exit(0);
