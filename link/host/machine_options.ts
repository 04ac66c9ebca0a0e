/** What the tunnel's interface and all that belongs to it are opened with. */
import type { Log } from "../../mesh/host/log.ts";
import type { Runner } from "../../mesh/host/runner.ts";
import type { LinkTools } from "./tools.ts";

/** What a machine is made of. */
export interface MachineOptions {
  iface: string;
  owner: string;
  /** The network's /48. */
  prefix6: string;
  port: number;
  mtu: number;
  /** Name of a back end (link/host/firewall/registry.ts). */
  firewall: string;
  /** A program that is told each filter; null without one. */
  onChange: string | null;
  stunPort: number;
  stateDir: string;
  runner: Runner;
  tools: LinkTools;
  log: Log;
  onDeviceRestart: () => void | Promise<void>;
  /** A router is gone, or back: the routes may be others now. */
  onRouteHealth: () => void | Promise<void>;
}
