/**
 * Tailscale beside us: its own daemons, a stock DERP server with TLS, a peer relay, and the control plane of its own tests
 * (tailscale_control/), since its real one is a service. The programs are built where Go is at hand, into the user's cache as
 * nebula's are; without them the bench goes without. Everything is as it comes but for the firewall, which a throw-away machine
 * needs none of (`--netfilter-mode=off`, in its favour), and port mapping, which no router here has.
 */
import { join } from "node:path";
import type { Host, Lab } from "../lab/lab.ts";
import { type Process, waitFor } from "../lab/process.ts";
import { ipv4Of } from "../lab/programs.ts";
import { addPublic } from "../lab/topology.ts";
import { goBuild, goInstall, isBuilt, ownVersion } from "../lib/go.ts";
import { cachedWireguardGo } from "../setup.ts";

/** As in tailscale_control/go.mod. */
export const VERSION = "v1.90.9";
/** Why a bench goes without. */
export const WITHOUT = "skipped, it is not built here, which takes Go >= 1.25.3";
const FOLDER = join(cachedWireguardGo(), "..");
export const CONTROL = join(import.meta.dirname!, "tailscale_control");
/** The machine of the control plane, the DERP server and the peer relay. */
const SERVER = "203.0.113.40";
const CONTROL_AT = `${SERVER}:8080`;
/** Of the peer relay; a router that lets no lanes pass (`blockLanes`) lets it not pass either. */
const RELAY_PORT = 40_000;
/** Nothing is sent or looked for outside; the network is taken as it is. */
const ENV = {
  TS_NO_LOGS_NO_SUPPORT: "true",
  TS_DISABLE_PORTMAPPER: "1",
  TS_ASSUME_NETWORK_UP_FOR_TEST: "1",
  TS_PANIC_IF_HIT_MAIN_CONTROL: "1",
  TS_NETCHECK_GENERATE_204_URL: `http://${CONTROL_AT}/generate_204`,
};

/** The programs. */
export interface Tailscale {
  daemon: string;
  cli: string;
  derper: string;
  control: string;
  /** For people. */
  label: string;
}

/** The programs, or null; builds them outside of a world only. */
export async function findTailscale(
  say: (line: string) => void,
  { build }: { build: boolean },
): Promise<Tailscale | null> {
  const [daemon, cli, derper, control] = ["tailscaled", "tailscale", "derper", "tailscale_control"]
    .map((name) => join(FOLDER, name)) as [string, string, string, string];
  const found = { daemon, cli, derper, control, label: `Tailscale ${VERSION}` };
  const own = await ownVersion(CONTROL);
  const all = [isBuilt(control, own), ...[daemon, cli, derper].map((target) => isBuilt(target, VERSION))];
  if ((await Promise.all(all)).every(Boolean)) return found;
  if (!build) return null;
  say(`Tailscale ${VERSION} is built where Go is at hand, which takes some minutes, once`);
  try {
    if (!await goBuild({ folder: CONTROL, target: control }, say)) return null;
    for (const [binary, target] of Object.entries({ tailscaled: daemon, tailscale: cli, derper })) {
      await goInstall({ module: `tailscale.com/cmd/${binary}@${VERSION}`, binary, target }, say);
    }
    return found;
  } catch (error) {
    say(`remark: Tailscale was not built (${error instanceof Error ? error.message : error})`);
    return null;
  }
}

/** How packets go to a peer. */
export type TailscaleKind = "direct" | "relay" | "derp";
/** What a machine knows of a peer. */
export interface TailscalePeer {
  address: string;
  kind: TailscaleKind;
  /** Where packets go; of a peer relay with the number of its virtual network. Empty for DERP. */
  endpoint: string;
}

/** What `tailscale status --json` says of a peer; undefined when it does not know it, or not yet its address or home. */
export function peerIn(status: unknown, name: string): TailscalePeer | undefined {
  interface Peer {
    HostName: string;
    TailscaleIPs?: string[] | null;
    CurAddr?: string;
    PeerRelay?: string;
    Relay?: string;
  }
  const { Peer: peers } = status as { Peer?: Record<string, Peer> | null };
  const peer = Object.values(peers ?? {}).find(({ HostName }) => HostName === name);
  if (!peer?.TailscaleIPs?.length || !peer.Relay) return undefined;
  const address = ipv4Of(peer.TailscaleIPs);
  if (peer.CurAddr) return { address, kind: "direct", endpoint: peer.CurAddr };
  if (peer.PeerRelay) return { address, kind: "relay", endpoint: peer.PeerRelay };
  return { address, kind: "derp", endpoint: "" };
}

/** A machine of a tailnet. */
export interface TailscaleNode {
  host: Host;
  daemon: Process;
  /** When its daemon said that it is up (`performance.now()`). */
  upAt: number;
  /** Runs the command line program here and gives what it printed. */
  cli(...args: string[]): Promise<string>;
  /** What it knows of a peer. */
  peer(name: string): Promise<TailscalePeer | undefined>;
}

/** A network of Tailscale's with everything that it needs on one public machine. */
export class Tailnet {
  readonly #programs: Tailscale;
  readonly #server: Host;
  #services: Process[] = [];
  #nodes = 0;

  private constructor(programs: Tailscale, server: Host) {
    this.#programs = programs;
    this.#server = server;
  }

  /** Adds the public machine; `anew` starts what runs there. */
  static async open(programs: Tailscale, lab: Lab): Promise<Tailnet> {
    return new Tailnet(programs, await addPublic(lab, "tailscale", SERVER));
  }

  /** Starts the control plane and DERP, without any memory of what was before. */
  async anew(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()));
    const { control, derper } = this.#programs;
    const server = this.#server;
    const own = ["-certmode", "manual", "-hostname", SERVER, "-certdir", "derper", "-c", "derper/key"];
    await server.sh("rm -rf derper; mkdir derper");
    this.#services = [
      server.spawn("tailscale_control", [control, CONTROL_AT, SERVER]),
      server.spawn("derper", [derper, "-a", `${SERVER}:443`, "-http-port", "-1", ...own]),
    ];
    await waitFor("Tailscale's control plane and DERP", async () => {
      const { stdout } = await server.run(["ss", "-Hltn"]);
      return [CONTROL_AT, `${SERVER}:443`].every((at) => stdout.includes(`${at} `));
    });
    this.#nodes = 0;
  }

  /** The address that the next machine to join gets: the control plane counts. */
  get nextAddress(): string {
    return `100.64.0.${this.#nodes + 1}`;
  }

  /** Makes a machine a new member, under the host's name, and waits until its daemon says that it is up. */
  async join(host: Host): Promise<TailscaleNode> {
    const { daemon, cli } = this.#programs;
    const state = "/run/home/tailscale";
    const socket = `${state}/socket`;
    this.#nodes++;
    await host.sh('rm -rf "$1"; mkdir "$1"', state);
    const argv = ["--statedir", state, "--socket", socket, "--port", "41641", "--tun", "ts0", "--no-logs-no-support"];
    const process = host.spawn("tailscaled", [daemon, ...argv], { env: ENV });
    const run = async (...args: string[]) => (await host.run([cli, "--socket", socket, ...args])).stdout;
    await waitFor(
      `tailscaled on ${host.name}`,
      async () => (await host.run(["test", "-S", socket], { codes: "any" })).code === 0,
    );
    const control = ["--timeout=30s", `--login-server=http://${CONTROL_AT}`, `--hostname=${host.name}`];
    const running = process.line(/Switching ipn state \w+ -> Running/);
    // Its own end comes a moment later, and only a failure matters.
    const up = run("up", ...control, "--accept-dns=false", "--netfilter-mode=off").then(() => running);
    const { at } = await Promise.race([running, up]);
    return {
      host,
      daemon: process,
      upAt: at,
      cli: run,
      peer: async (name) => peerIn(JSON.parse(await run("status", "--json")), name),
    };
  }

  /** Makes the public machine a peer relay, and gives where it listens. */
  async addRelay(): Promise<string> {
    const node = await this.join(this.#server);
    await node.cli("set", `--relay-server-port=${RELAY_PORT}`);
    return `${SERVER}:${RELAY_PORT}`;
  }
}
