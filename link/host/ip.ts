/**
 * Addresses and routes through `ip`. The link's routes carry a protocol number and a metric of their own: by the number it
 * knows them, and with the metric a route of the same prefix that somebody else made is neither replaced nor outdone (a
 * machine inside 10.1.1.0/24 goes on reaching it directly).
 */
import type { Runner } from "../../mesh/host/runner.ts";
import { parseJson } from "../../mesh/wire/encoding.ts";
import {
  ALIAS_PREFIX,
  type HostAddress,
  isContainer,
  isOurRoute,
  lengthOf,
  parseAddresses,
  parseHostAddresses,
  parseOtherRoutes,
  parseOwnRoutes,
  readLinks,
  readRoutes,
} from "./ip_json.ts";
import {
  EXIT_MARK,
  type HostRoute,
  type IpStep,
  type ObservedAddresses,
  type OwnRoutes,
  ROUTE_PROTOCOL,
} from "../core/plan/mod.ts";
import { type LinkTools, MAX_TOOL_OUTPUT, runTool, toolError } from "./tools.ts";

/** Metric of our routes: behind the kernel's own, NetworkManager's and the 1024 that IPv6 routes have by default. */
const ROUTE_METRIC = 18_800;
/**
 * Metric of routes past the tunnel, to single hosts: 18,801 to 19,000, by the tunnel's name, so that two tunnels of one
 * machine know their own.
 */
function exemptMetric(iface: string): number {
  let hash = 0;
  for (const char of iface) hash = (hash * 31 + char.charCodeAt(0)) % 200;
  return ROUTE_METRIC + 1 + hash;
}
/** Where traffic to an address leaves. */
export interface RouteTo {
  iface: string;
  source: string | null;
  gateway: string | null;
}

/** Where this machine's own routes lead. */
export interface LocalNetworks {
  lan: string[];
  containers: string[];
  uplinks: Record<4 | 6, string[]>;
}

/** The network of this machine as far as one tunnel interface needs it. */
export class IpTool {
  readonly iface: string;
  readonly #runner: Runner;
  readonly #ip: string;
  /** Answers of `isLocal`, ms of the monotonic clock. */
  readonly #local = new Map<string, { local: boolean; until: number }>();

  constructor(o: { runner: Runner; tools: Pick<LinkTools, "ip">; iface: string }) {
    this.#runner = o.runner;
    this.#ip = o.tools.ip;
    this.iface = o.iface;
  }

  /** Addresses, MTU and state of the tunnel interface. */
  async addresses(): Promise<ObservedAddresses> {
    return parseAddresses(await this.#json(["addr", "show", "dev", this.iface]));
  }

  /** Our routes, of both families; also when the tunnel interface is gone. */
  async routes(): Promise<OwnRoutes> {
    const show = ["route", "show", "proto", `${ROUTE_PROTOCOL}`];
    const both = await Promise.all([this.#json(["-4", ...show]), this.#json(["-6", ...show])]);
    const read = both.map((json, i) => parseOwnRoutes(json, i === 0 ? 4 : 6, this.iface));
    return { tunnel: read.flatMap((r) => r.tunnel), unreachable: read.flatMap((r) => r.unreachable) };
  }

  /**
   * Applies a plan's steps; one that fails does not keep the others from being applied.
   * @throws GhostError with the first step that failed
   */
  async apply(steps: readonly IpStep[]): Promise<void> {
    if (steps.length === 0) return;
    const lines = steps.map((step) => stepLine(step, this.iface));
    const result = await this.#runner.run(this.#ip, ["-force", "-batch", "-"], {
      stdin: lines.map((l) => `${l}\n`).join(""),
    });
    if (result.code === 0) return;
    const line = Number(/Command failed -:(\d+)/.exec(result.stderr)?.[1] ?? 0);
    throw toolError({ ...result, stderr: result.stderr.split("\n")[0]! }, `ip ${lines[line - 1] ?? "-batch"}`);
  }

  /** Addresses for candidates: no loopback, link-local, container or tunnel interface (ours or another VPN's), and none that is going or not ready. */
  async hostAddresses(): Promise<HostAddress[]> {
    return parseHostAddresses(await this.#json(["-details", "addr", "show", "up"]), this.iface);
  }

  /** Where this machine would send a packet for `address`; null when it cannot. */
  async routeTo(address: string): Promise<RouteTo | null> {
    // With WireGuard's mark: an exit node in use is not the way that the daemon and its tunnel take.
    const mark = ["mark", `${EXIT_MARK}`];
    const result = await this.#runner.run(this.#ip, ["-json", "route", "get", address, ...mark]);
    if (result.code !== 0) return null;
    const [route] = readRoutes(this.#decode(result.stdout));
    if (!route?.dev) return null;
    return { iface: route.dev, source: route.prefsrc ?? null, gateway: route.gateway ?? null };
  }

  /** Routes of others to more than a default, in all tables, and the addresses of all other interfaces. */
  async others(): Promise<{ routes: HostRoute[]; addresses: { address: string; iface: string }[] }> {
    const all = ["route", "show", "table", "all"];
    const [four, six, links] = await Promise.all([
      this.#json(["-4", ...all]),
      this.#json(["-6", ...all]),
      this.#json(["addr", "show", "up"]),
    ]);
    return {
      routes: [...parseOtherRoutes(four, this.iface), ...parseOtherRoutes(six, this.iface)],
      addresses: readLinks(links).flatMap(({ ifname, addr_info }) =>
        ifname === undefined || ifname === this.iface
          ? []
          : addr_info.flatMap(({ local, scope }) =>
            local === undefined || scope !== "global" ? [] : [{ address: local, iface: ifname }]
          )
      ),
    };
  }

  /**
   * Networks that this machine's own routes lead to, the default routes left out; those of its containers are told apart. And by
   * which interfaces the default routes leave, for each family.
   */
  async networks(): Promise<LocalNetworks> {
    const found: LocalNetworks = { lan: [], containers: [], uplinks: { 4: [], 6: [] } };
    for (const family of [4, 6] as const) {
      const rows = readRoutes(await this.#json([`-${family}`, "route", "show", "table", "main"]));
      const uplink = (dev: string) => rows.some((row) => row.dst === "default" && row.dev === dev);
      for (const { dst, dev, protocol } of rows) {
        if (dev === undefined || dev === this.iface || isOurRoute({ protocol })) continue;
        if (dst === "default") found.uplinks[family].push(dev);
        else if (isContainer(dev) && !uplink(dev)) found.containers.push(dst);
        else if (!dst.startsWith("fe80:") && lengthOf(dst) > 1) found.lan.push(dst);
      }
    }
    return found;
  }

  /** Tunnels of other networks on this machine. */
  async tunnels(): Promise<string[]> {
    return readLinks(await this.#json(["-details", "addr", "show"])).flatMap((
      { ifname, ifalias },
    ) => ifname !== undefined && ifname !== this.iface && ifalias?.startsWith(ALIAS_PREFIX) ? [ifname] : []);
  }

  /** Next hops of the routes that are not ours. */
  async gateways(): Promise<string[]> {
    const both = await Promise.all([4, 6].map((family) => this.#json([`-${family}`, "route", "show"])));
    return both.flatMap((json) => readRoutes(json)).filter((r) => !isOurRoute(r))
      .flatMap((r) => r.gateway === undefined ? [] : [r.gateway]);
  }

  /**
   * Gives each of these hosts the way that it would have without any tunnel of ours, as a route of its own, and takes back
   * those of others. A host that only our routes lead to is left to them.
   */
  async exempt(hosts: readonly string[]): Promise<void> {
    const metric = exemptMetric(this.iface);
    const ours = `proto ${ROUTE_PROTOCOL} metric ${metric}`;
    const wanted = new Map<string, string>();
    for (const host of hosts) {
      const found = readRoutes(await this.#json([family(host), "route", "show", "match", host]))
        .filter((r) => !isOurRoute(r) && r.dev !== this.iface && r.dev !== undefined)
        .toSorted((a, b) => lengthOf(b.dst) - lengthOf(a.dst) || (a.metric ?? 0) - (b.metric ?? 0))[0];
      if (found) wanted.set(host, `${found.gateway ? `via ${found.gateway} ` : ""}dev ${found.dev}`);
    }
    const shown = await Promise.all(
      [4, 6].map((f) => this.#json([`-${f}`, "route", "show", "proto", `${ROUTE_PROTOCOL}`])),
    );
    const there = new Map(
      shown.flatMap((json) => readRoutes(json)).filter((r) => r.metric === metric)
        .map((r) => [r.dst, `${r.gateway ? `via ${r.gateway} ` : ""}dev ${r.dev}`]),
    );
    const lines = [
      ...[...wanted].filter(([host, way]) => there.get(host) !== way).map(([host, way]) =>
        `route replace ${host} ${way} ${ours}`
      ),
      ...[...there].filter(([host]) => !wanted.has(host)).map(([host, way]) => `route del ${host} ${way} ${ours}`),
    ];
    if (lines.length === 0) return;
    await runTool(this.#runner, [this.#ip, "-force", "-batch", "-"], { stdin: lines.map((l) => `${l}\n`).join("") });
  }

  /** True when a packet for `address` stays on this machine or goes to a container of it. */
  async isLocal(address: string): Promise<boolean> {
    const known = this.#local.get(address);
    if (known && known.until > performance.now()) return known.local;
    const iface = (await this.routeTo(address))?.iface;
    const local = iface === "lo" || (iface !== undefined && isContainer(iface));
    if (this.#local.size >= 256) this.#local.clear();
    this.#local.set(address, { local, until: performance.now() + 30_000 });
    return local;
  }

  async #json(args: readonly string[]): Promise<unknown> {
    return this.#decode(await runTool(this.#runner, [this.#ip, "-json", ...args]));
  }

  #decode(stdout: string): unknown {
    // Some versions print nothing at all for an empty list.
    return stdout.trim() === "" ? [] : parseJson(stdout, { place: "ip -json", max: MAX_TOOL_OUTPUT });
  }
}

function family(address: string): "-4" | "-6" {
  return address.includes(":") ? "-6" : "-4";
}

/** One line of `ip -batch`. */
function stepLine(step: IpStep, iface: string): string {
  const ours = `dev ${iface} proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`;
  switch (step.type) {
    case "mtu":
      return `link set dev ${iface} mtu ${step.mtu}`;
    case "up":
      return `link set dev ${iface} up`;
    case "address-add": // nodad: derived from the node's id, and nobody else is on this interface to ask
      return `addr add ${step.address} dev ${iface}${step.address.includes(":") ? " nodad" : ""}`;
    case "address-remove":
      return `addr del ${step.address} dev ${iface}`;
    case "route-add":
      return `route add ${step.prefix} ${ours}${step.source === null ? "" : ` src ${step.source}`}`;
    case "route-replace":
      return `route replace ${step.prefix} ${ours}${step.source === null ? "" : ` src ${step.source}`}`;
    case "route-remove":
      return `route del ${step.prefix} ${ours}`;
    case "unreachable-add":
      return `route replace unreachable ${step.prefix} proto ${ROUTE_PROTOCOL} metric ${step.metric}`;
    case "unreachable-remove":
      return `route del unreachable ${step.prefix} proto ${ROUTE_PROTOCOL} metric ${step.metric}`;
  }
}
