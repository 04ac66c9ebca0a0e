/**
 * The tunnel's packet filter with what hangs on it: the table, the firewall that fills it, the bridges of a climb, and the forwarding
 * that is on only as far as the table guards it.
 */
import { type Egress, Forwarding } from "../../mesh/host/forwarding.ts";
import { CLOSED } from "../../mesh/policy/mod.ts";
import { behindAliases, type Bridge } from "../core/plan/mod.ts";
import { egressOf } from "./egress.ts";
import type { FirewallDesk } from "./firewall/desk.ts";
import type { IpTool } from "./ip.ts";
import type { MachineOptions } from "./machine_options.ts";
import { LinkTable, type TableLoss } from "./nft.ts";
import type { Wanted, WantedPeer } from "./wanted.ts";

export interface MachineFilterOptions
  extends Pick<MachineOptions, "iface" | "stunPort" | "stateDir" | "runner" | "tools" | "log" | "onPortShared"> {
  ip: IpTool;
  /** WireGuard's UDP port. */
  wgPort: number;
  firewall: FirewallDesk;
}

/** What the log says of a table that was not in force. */
const LOST: Record<TableLoss, string> = {
  gone: "The link's nftables table was gone and has been loaded again",
  emptied: "The link's nftables table was emptied or dormant and has been loaded again",
};

/** See the head of this file. */
export class MachineFilter {
  readonly firewall: FirewallDesk;
  readonly #o: MachineFilterOptions;
  readonly #table: LinkTable;
  readonly #forwarding: Forwarding;
  /** What the table in force guards. */
  #guarded: readonly Egress[] = [];
  /** The address that this machine sends from towards the far end of each bridge. */
  readonly #sources = new Map<string, string | null>();
  /** Somebody may have removed the table, or emptied it since so many loads; the next run looks. */
  #doubt: { emptiedAt: number | null } | null = null;

  constructor(o: MachineFilterOptions) {
    this.#o = o;
    this.firewall = o.firewall;
    this.#table = new LinkTable({ ...o, beforeLoad: () => o.firewall.keep() });
    this.#forwarding = new Forwarding({ ...o, file: `${o.stateDir}/forwarding.json` });
  }

  /** Takes back what an earlier process left of forwarding. */
  recover(): Promise<void> {
    return this.#forwarding.recover();
  }

  /** Routes may have changed: by which address this machine sends is looked up anew. */
  forgetSources(): void {
    this.#sources.clear();
  }

  /** @see LinkTable.loads */
  get loads(): number {
    return this.#table.loads;
  }

  /** Somebody may have removed the table, or emptied it (`LinkTable.ensure`): the next run looks. */
  doubt(emptiedAt: number | null): void {
    this.#doubt = { emptiedAt: emptiedAt ?? this.#doubt?.emptiedAt ?? null };
  }

  /** The steps that take it all away. The table goes after the forwarding that it guards. */
  closing(): (() => Promise<void>)[] {
    return [() => this.#forwarding.restore(), () => this.#table.remove(), () => this.firewall.close()];
  }

  /** Brings the table in line with what is wanted. @throws GhostError when it cannot be loaded: the one before stays in force */
  async apply(wanted: Wanted): Promise<void> {
    try {
      await this.#load(wanted);
    } catch (error) {
      // Nothing forwards without its guard: only what the table in force knows of goes on.
      await this.#forwarding.set(this.#table.inForce ? this.#guarded : []);
      throw error;
    }
  }

  async #load(wanted: Wanted): Promise<void> {
    await this.#ensureTable();
    // Docker, say, has come since: the whole machine forwards for it, and is guarded no more. The load says the rest.
    await this.#forwarding.yielded();
    const carried = wanted.routes.mine;
    const aliases = carried.flatMap(({ prefix, lan }) => lan === undefined ? [] : [{ prefix, lan }]);
    const egress = await egressOf(carried.map((c) => c.lan ?? c.prefix), this.#o.ip);
    const guards = await this.#forwarding.set(egress);
    const filter = behindAliases(wanted.filter ?? CLOSED, aliases);
    await this.firewall.apply(filter);
    await this.#table.load({
      wgPort: this.#o.wgPort,
      stunPort: this.#o.stunPort,
      bridges: await this.#bridges(wanted.peers),
      joins: wanted.peers.flatMap(({ join }) => join ?? []),
      filter: this.firewall.chains(filter),
      carried,
      guards,
    });
    this.#o.onPortShared();
    this.#guarded = egress;
    this.firewall.taken(filter, wanted.policy);
  }

  /** Puts the table back if it is gone or empty. */
  async #ensureTable(): Promise<void> {
    if (!this.#doubt) return;
    const loss = await this.#table.ensure(this.#doubt);
    this.#doubt = null;
    if (loss) this.#o.log.warn(LOST[loss]);
  }

  /** The bridges, each with the address that this machine really sends from towards the peer. */
  async #bridges(peers: WantedPeer[]): Promise<Bridge[]> {
    const bridges = await Promise.all(peers.map(async ({ bridge }) => {
      if (!bridge) return null;
      const { address } = bridge.remote;
      const known = this.#sources.get(address);
      const source = known !== undefined ? known : (await this.#o.ip.routeTo(address))?.source ?? null;
      this.#sources.set(address, source);
      return { ...bridge, local: source ?? bridge.local };
    }));
    return bridges.filter((b) => b !== null);
  }
}
