/** Which machine carries each prefix for this one (link/core/routes), by what is known here of the carriers and of the way outside. */
import type { Log } from "../../../mesh/host/log.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { chooseRoutes, type RouteUse } from "../../core/routes/mod.ts";
import type { IpTool } from "../ip.ts";
import type { Wanted } from "../wanted.ts";
import { Prober } from "./prober.ts";

/** What a chooser is made from. */
export interface ChooserOptions {
  runner: Runner;
  ip: IpTool;
  log: Log;
  /** A router counts as gone, or as back. */
  onRouteHealth: () => void | Promise<void>;
}

/** Chooses anew in each run of the machine. */
export class RouteChooser {
  readonly #o: ChooserOptions;
  readonly #prober: Prober;
  /** Who carries each prefix now. */
  #carriers: ReadonlyMap<string, string> = new Map();
  /** Refused routes that were logged, each with its reason. */
  #refused: ReadonlySet<string> = new Set();

  constructor(o: ChooserOptions) {
    this.#o = o;
    this.#prober = new Prober({ runner: o.runner, changed: () => void o.onRouteHealth() });
  }

  /** Who carries each prefix; routers that share one are watched. */
  async choose(wanted: Wanted): Promise<RouteUse[]> {
    const { theirs, mine } = wanted.routes;
    const carriers = Map.groupBy(theirs, (route) => route.prefix);
    const rivals = new Set([...carriers.values()].filter((list) => list.length > 1).flat().map(({ node }) => node));
    const peers = new Map(wanted.peers.map((p) => [p.id, p]));
    await this.#prober.watch(
      new Map([...rivals].flatMap((id): [string, string][] => {
        const address = peers.get(id)?.addresses[0];
        return address === undefined ? [] : [[id, address]];
      })),
    );
    const uses = chooseRoutes({
      theirs,
      mine,
      own: theirs.length === 0 ? [] : (await this.#o.ip.hostAddresses()).map((a) => a.address),
      gateways: theirs.length === 0 ? [] : await this.#o.ip.gateways(),
      coordinator: wanted.coordinator,
      carrier: (id) => {
        const { good, rttMs } = this.#prober.health.of(id);
        return { up: good && (peers.get(id)?.up ?? false), rttMs };
      },
      current: this.#carriers,
    });
    const refused = new Set(uses.filter((u) => u.refused).map(({ route, reason }) => `${route.prefix}: ${reason}`));
    for (const why of refused) if (!this.#refused.has(why)) this.#o.log.warn("A route is not used", { why });
    this.#refused = refused;
    this.#carriers = new Map(uses.filter((u) => u.active).map(({ route }) => [route.prefix, route.node]));
    return uses;
  }

  /** Watches nobody any more. */
  close(): Promise<void> {
    return this.#prober.close();
  }
}
