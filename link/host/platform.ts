/**
 * The one seam between ghostlink and the operating system. Whatever only one system has (programs that are driven, files of
 * /etc, privileges, the tunnel's interface) stands behind `Platform`; everything else is the same everywhere, which
 * tests/platform/platform_test.ts keeps so. A further system is one file and one line of the registry.
 */
import type { Log } from "../../mesh/host/log.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { SystemPlaces, SystemWay } from "./dns/system.ts";
import type { IpMonitor } from "./ip_monitor.ts";
import type { Machine, MachineOptions } from "./machine.ts";

/** What an operating system does for the daemon. */
export interface Platform {
  /** As this machine's record says it: `linux 6.18`. */
  release(): string;
  /** Finds what the daemon needs and tries the privilege, changing nothing. @throws GhostError `missing_tool`, `missing_privilege` */
  check(): Promise<void>;
  /** Brings up the tunnel's interface with nothing in it. @throws GhostError for what is missing */
  openMachine(o: Omit<MachineOptions, "runner" | "tools">): Promise<Machine>;
  /** Tells when addresses, routes or interfaces change: those of our own tunnel (`onTouched`), and others. */
  watchNetwork(o: { iface: string; log: Log; onChange: () => void; onTouched: () => void }): Promise<IpMonitor>;
  /** How this machine's programs are led to our resolver. */
  resolverWay(o: Omit<SystemPlaces, "runner" | "find">): Promise<SystemWay>;
  /** One ping; its round trip in ms, null without an answer. @throws GhostError `missing_tool` */
  ping(address: string): Promise<number | null>;
  /** Number of a group of users. @throws GhostError `bad_config` when there is none */
  groupNumber(name: string): Promise<number>;
  /** Loads a tunnel's kill switch if there is none, as it is while the tunnel is down. @throws GhostError */
  holdKillSwitch(iface: string, o: { lan: boolean }): Promise<void>;
  /** Whether a tunnel's kill switch is there. @throws GhostError `missing_tool` */
  killSwitchHolds(iface: string): Promise<boolean>;
  /** Takes a tunnel's kill switch away, there or not. @throws GhostError `missing_tool` */
  releaseKillSwitch(iface: string): Promise<void>;
  /** Takes away the routes of last resort that ended sessions of this machine left; `owner` is its id. @throws GhostError */
  releaseLastResort(iface: string, owner: string): Promise<void>;
  /** Public host keys of this machine's SSH server; none without one. */
  sshHostKeys(): Promise<string[]>;
}

type Os = typeof Deno.build.os;

/** A further system is one line here. */
const PLATFORMS: Partial<Record<Os, () => Promise<Platform>>> = {
  linux: async () => (await import("./linux.ts")).linux,
};

const NAMES: Partial<Record<Os, string>> = { darwin: "macOS", windows: "Windows" };

/**
 * The platform that this process runs on.
 * @throws GhostError `not_supported`, before anything is touched
 */
export async function thisPlatform(os: Os = Deno.build.os): Promise<Platform> {
  const load = PLATFORMS[os];
  if (load) return await load();
  const name = NAMES[os] ?? os;
  throw new GhostError(
    "not_supported",
    `ghostlink does not run on ${name} yet: it has no tunnel, routes and filter there`,
    {
      mend: "ghostctl does, for networks that you administer; ghostlink runs on Linux, also in a virtual machine",
    },
  );
}
