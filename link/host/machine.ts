/**
 * Brings this machine in line with what the network view and the peers want: nftables first, then WireGuard, then addresses
 * and routes. Every run is a diff against what is really there, so a run that failed half-way is finished by the next one.
 *
 * The order is what a climb needs: the bridge for late relayed packets stands before WireGuard's endpoint becomes the direct
 * one, and is gone before it becomes the relay's again (otherwise WireGuard roams back: measured, in 8 climbs of 16).
 */
import { type DesiredPeer, EXIT_MARK, type ObservedWireGuard, planWireGuard } from "../core/plan/mod.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { Counters } from "../core/path/mod.ts";
import type { RouteUse } from "../core/routes/mod.ts";
import { exitPrefixes, MachineExit } from "./exit/machine_exit.ts";
import { FirewallDesk } from "./firewall/desk.ts";
import { ForeignFirewalls } from "./firewall/foreign.ts";
import { OnChange } from "./firewall/on_change.ts";
import { freePort } from "./free_port.ts";
import { IpTool, type LocalNetworks } from "./ip.ts";
import { LastResort, type LastResortEnd } from "./last_resort.ts";
import type { MachineOptions } from "./machine_options.ts";
import { MachineFilter } from "./machine_filter.ts";
import { RouteChooser } from "./routes/chooser.ts";
import type { Wanted, WantedPeer } from "./wanted.ts";
import { hostPrefix, Ways } from "./ways.ts";
import { type Device, openDevice } from "./wg_device.ts";
import { countersOf, whenFree, WireGuard } from "./wg.ts";

export type { MachineOptions, Wanted, WantedPeer };

/** Seconds between WireGuard's own keepalives. */
const KEEPALIVE = 25;

/** The tunnel interface with all that belongs to it. */
export class Machine {
  readonly ip: IpTool;
  readonly wg: WireGuard;
  /** The interface is there; rejects with what is missing. Nothing else waits for it but `apply`'s callers. */
  readonly opened: Promise<void>;
  readonly #o: MachineOptions;
  readonly #filter: MachineFilter;
  readonly #wgPort: number;
  readonly #chooser: RouteChooser;
  readonly #exit: MachineExit;
  /** From this port the daemon asks for its own names, past an exit node. */
  readonly namesPort: number = freePort();
  #uses: readonly RouteUse[] = [];
  /** Nothing was left undone by the last run. */
  #whole = false;
  /** What WireGuard counted for each peer, by its key, when the last run looked. */
  counters: ReadonlyMap<string, Counters> = new Map();
  /** How often this machine has moved: WireGuard may still send from an address that is gone. */
  #moves = 0;
  /** The move that WireGuard has been told of. */
  #movesTold = 0;

  #up: { device: Device; ways: Ways } | null = null;

  private constructor(o: MachineOptions, firewall: FirewallDesk) {
    this.#o = o;
    this.ip = new IpTool(o);
    this.wg = new WireGuard(o);
    this.#chooser = new RouteChooser({ ...o, ip: this.ip });
    this.#wgPort = o.port === 0 ? freePort() : o.port;
    this.#filter = new MachineFilter({ ...o, ip: this.ip, wgPort: this.#wgPort, firewall });
    this.#exit = new MachineExit({
      ...o,
      file: `${o.stateDir}/exit_filters.json`,
      ip: this.ip,
      ports: { wireguard: this.#wgPort, ice: o.stunPort, names: this.namesPort },
    });
    this.opened = this.#open();
    this.opened.catch(() => {}); // whoever goes on with it hears of it
  }

  /** Begins to bring up the interface with nothing in it (`opened`). @throws GhostError for what is missing besides */
  static async open(o: MachineOptions): Promise<Machine> {
    const { iface, runner, tools, log } = o;
    const now = () => Date.now();
    const onChange = o.onChange === null ? null : await OnChange.open({ path: o.onChange, iface, runner, now });
    const firewall = await FirewallDesk.open(o.firewall, {
      onChange,
      iface,
      runner,
      tools,
      log,
      now,
    });
    return new Machine(o, firewall);
  }

  async #open(): Promise<void> {
    const { ip } = this;
    const { iface, owner, runner, tools, log, stateDir, onDeviceRestart } = this.#o;
    await this.#filter.recover();
    const file = `${stateDir}/unreachable.json`;
    const lastResort = await LastResort.open({ ...this.#o, ip, now: () => Date.now(), file });
    try {
      const device = await openDevice({ name: iface, owner, runner, tools, log, onRestart: onDeviceRestart });
      this.#up = { device, ways: new Ways({ ...this.#o, ip, lastResort }) };
    } catch (error) {
      await lastResort.close("as found");
      throw error;
    }
    await this.#exit.recover();
  }

  /** Tries the tunnel's port, which the first run would take. @throws GhostError `port_in_use` */
  async checkPort(): Promise<void> {
    // A device of the kernel's that an earlier run left may have it already.
    if (this.#o.port === 0 || (await this.wg.show()).listenPort === this.#wgPort) return;
    await whenFree(this.#wgPort, () => {
      try {
        Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: this.#wgPort }).close();
        return Promise.resolve(true);
      } catch (error) {
        if (error instanceof Deno.errors.AddrInUse) return Promise.resolve(false);
        throw error;
      }
    });
  }

  /** The tunnel's device, once it is `opened`. */
  get device(): Device {
    return this.#opened().device;
  }

  #opened(): { device: Device; ways: Ways } {
    if (!this.#up) throw new Error("The tunnel's device is not open");
    return this.#up;
  }

  /** Looks for other programs' firewalls that stop what is carried. */
  foreignFirewalls(carried: () => readonly string[]): ForeignFirewalls {
    return new ForeignFirewalls({ ...this.#o, carried });
  }

  /** What the filter in force is, and what it has dropped and logged. */
  get firewall(): FirewallDesk {
    return this.#filter.firewall;
  }

  /** @see LinkTable.loads */
  get tableLoads(): number {
    return this.#filter.loads;
  }

  /**
   * The next run sees whether somebody removed the table.
   * @param o.emptiedAt `tableLoads` before it was seen not to work, though it may be there: the next run loads it anew
   */
  doubtTable({ emptiedAt = null }: { emptiedAt?: number | null } = {}): void {
    this.#filter.doubt(emptiedAt);
  }

  /** WireGuard's UDP port. */
  get wgPort(): number {
    return this.#wgPort;
  }

  /** What became of each route at the last run. */
  get routeUses(): readonly RouteUse[] {
    return this.#uses;
  }

  /** What this machine has of exit nodes. */
  get exit(): Pick<MachineExit, "others" | "look"> {
    return this.#exit;
  }

  /**
   * One run. The kill switch comes first, and neither it nor the exit's rules wait for the tunnel's success: one bad route would
   * leave them undone.
   * @param o.glance nothing is known to have changed: what `ip monitor` would have told of (addresses, routes, other tunnels' rules) is
   *   taken to be as the last run left it, as long as that run left nothing undone and no exit node is in use
   * @throws GhostError with the first thing that could not be done; nothing is opened by a run that failed
   */
  async apply(wanted: Wanted, { glance = false }: { glance?: boolean } = {}): Promise<void> {
    const failures: unknown[] = [];
    const trust = glance && this.#whole && wanted.exit === null;
    this.#whole = false;
    if (!trust) this.#filter.forgetSources();
    let networks: LocalNetworks | null = null;
    for (
      const step of [
        async () => void (networks = await this.#exit.guard(wanted.exit, wanted.past)),
        () => this.#opened().ways.hold(wanted, trust),
        () => this.#tunnel(wanted, trust),
        () =>
          this.#exit.apply(wanted.exit, {
            ...wanted.past,
            addresses: wanted.addresses,
            carried: wanted.routes.mine.map(({ prefix, lan }) => lan ?? prefix),
            used: this.#uses.filter((use) => use.active).map((use) => use.route.prefix),
            networks,
            trust,
          }),
      ]
    ) {
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
    this.#whole = true;
  }

  /** The tunnel with all that passes it; with `trust` its addresses and routes are as they should be. */
  async #tunnel(wanted: Wanted, trust: boolean): Promise<void> {
    const moves = this.#moves;
    const [observed, routes] = await Promise.all([this.#observe(moves), this.#chooser.choose(wanted)]);
    const peers = this.#peers(wanted, routes);
    const { publicKey } = wanted;
    const steps = planWireGuard({ publicKey, listenPort: this.#wgPort, fwmark: EXIT_MARK, peers }, observed);
    const removals = steps.filter(({ type }) => type === "remove");
    // Nothing is opened without the filter or without routes, but whoever is no peer any more goes all the same.
    const orRemove = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        await this.wg.apply(removals, wanted.privateKey);
        throw error;
      }
    };
    await orRemove(() => this.#filter.apply(wanted));
    // An answer to what a new peer sends would leave in clear while there is no route into the tunnel.
    const known = new Set(observed.peers.map((peer) => peer.publicKey));
    const routesFirst = peers.some((peer) => !known.has(peer.publicKey));
    if (routesFirst) await orRemove(() => this.#opened().ways.bring(wanted, routes));
    await this.wg.apply(steps, wanted.privateKey);
    this.#movesTold = moves;
    if (!routesFirst) await this.#opened().ways.bring(wanted, routes, trust);
    this.#uses = routes;
  }

  /**
   * The machine's addresses are others now: the next run sets every endpoint anew, also one that stays, because WireGuard goes on
   * sending from the address that it used towards it (measured with wireguard-go of 2022: no packet left any more).
   */
  addressesChanged(): void {
    this.#moves++;
  }

  async #observe(moves: number): Promise<ObservedWireGuard> {
    const observed = await this.wg.show();
    this.counters = countersOf(observed);
    if (moves === this.#movesTold) return observed;
    return { ...observed, peers: observed.peers.map((peer) => ({ ...peer, endpoint: null })) };
  }

  #peers(wanted: Wanted, routes: RouteUse[]): DesiredPeer[] {
    const peers = wanted.peers.map((p): DesiredPeer => ({
      publicKey: p.wg,
      endpoint: p.endpoint,
      endpointPolicy: "pin",
      allowedIps: [
        ...p.addresses.map(hostPrefix),
        ...routes.filter((u) => u.active && u.route.node === p.id).map((u) => u.route.prefix),
        ...exitPrefixes(wanted.exit, p.id),
      ],
      keepalive: KEEPALIVE,
    }));
    const current = new Set(peers.map((p) => p.publicKey));
    for (const publicKey of wanted.retiring) {
      if (current.has(publicKey)) continue;
      peers.push({ publicKey, endpoint: null, endpointPolicy: "roam", allowedIps: [], keepalive: 0 });
    }
    return peers;
  }

  /** Removes interface, routes and table, and restores forwarding. */
  async close({ lastResort }: { lastResort: LastResortEnd }): Promise<void> {
    const failures: unknown[] = [];
    await this.#chooser.close();
    await this.opened.catch(() => {});
    // An interface that could not be had may be another daemon's, and so would be all that bears its name.
    const up = this.#up;
    if (!up) return await this.#filter.firewall.close();
    for (
      const step of [
        () => this.#exit.close(),
        () => up.ways.close(lastResort),
        () => up.device.close(),
        ...this.#filter.closing(),
      ]
    ) {
      await step().catch((error: unknown) => failures.push(error));
    }
    for (const failure of failures) this.#o.log.error("Could not clean up", { why: errorLine(failure) });
  }
}
