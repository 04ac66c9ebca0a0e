/** An exit node in use as a part of the machine: what WireGuard, rules and the kill switch are to be by it, in one place. */
import { EXIT_PREFIXES } from "../../../mesh/policy/mod.ts";
import type { DesiredExit, ExitService, KillSwitch } from "../../core/plan/mod.ts";
import type { IpTool, LocalNetworks } from "../ip.ts";
import { allUplinks, killSwitch, KillTable } from "./kill_switch.ts";
import { ExitRules } from "./rules.ts";

/** An exit node in use. */
export interface WantedExit {
  /** Null: it cannot be used now, so nothing passes. */
  node: string | null;
  ipv4: boolean;
  ipv6: boolean;
  /** What lies beyond the network: no address or route of its own, so that each of those stays bound to its peer. */
  internet: readonly string[];
  lan: boolean;
  killSwitch: boolean;
}

/** What of the network passes an exit, this tunnel's or another's. */
export interface PastExit {
  /** The network's own ranges. */
  overlay: readonly string[];
  /** Whom the daemon itself talks to. */
  services: ExitService[];
}

/** Prefixes that a peer gets beside its own, if it is the exit node in use. */
export function exitPrefixes(exit: WantedExit | null, peer: string): string[] {
  if (exit === null || exit.node !== peer) return [];
  return exit.internet.filter((prefix) => prefix.includes(":") ? exit.ipv6 : exit.ipv4);
}

/** What of this machine's is to be as without the exit. */
export interface Near extends PastExit {
  /** Its own addresses in the network. */
  addresses: readonly string[];
  /** Networks that it carries, as they are here. */
  carried: readonly string[];
  /** Prefixes that peers carry for it. */
  used: readonly string[];
  /** Its own networks, if they are known. */
  networks: LocalNetworks | null;
  /** Other tunnels are as they were at the last look. */
  trust: boolean;
}

/** What a machine has of exit nodes. */
export class MachineExit {
  readonly #rules: ExitRules;
  readonly #kill: KillTable;
  readonly #ip: IpTool;
  readonly #ports: NonNullable<KillSwitch["ports"]>;
  #others: readonly string[] = [];

  /** @param o.ports sockets of the daemon, which go past the exit */
  constructor(o: ConstructorParameters<typeof ExitRules>[0] & { ip: IpTool; ports: NonNullable<KillSwitch["ports"]> }) {
    this.#rules = new ExitRules(o);
    this.#kill = new KillTable({ ...o, nft: o.tools.nft });
    this.#ip = o.ip;
    this.#ports = o.ports;
  }

  /** Puts back what a crash left of changed settings. */
  recover(): Promise<void> {
    return this.#rules.recover();
  }

  /**
   * The first step of a run: the kill switch, if there is to be one, before anything that could fail.
   * @returns this machine's networks, if they had to be read
   */
  async guard(exit: WantedExit | null, { services }: PastExit): Promise<LocalNetworks | null> {
    if (!exit?.killSwitch) return null;
    const networks = await this.#ip.networks();
    const others = await this.#rules.others();
    const kill = killSwitch(networks, {
      ports: this.#ports,
      services: [...services, ...others.services],
      others: { tunnels: await this.#ip.tunnels(), ports: others.ports },
      lan: exit.lan,
    });
    await this.#kill.set(kill);
    return networks;
  }

  /** Tunnels of other networks on this machine that use an exit node, as of the last look. */
  get others(): readonly string[] {
    return this.#others;
  }

  /** Looks for them anew. */
  async look(): Promise<readonly string[]> {
    return this.#others = (await this.#rules.others()).exits;
  }

  /** The last step of a run: the rules, and a kill switch that is not to be goes. */
  async apply(exit: WantedExit | null, near: Near): Promise<void> {
    const others = near.trust ? this.#others : await this.look();
    if (!exit) {
      await this.#rules.apply(others.length === 0 ? null : this.#past(near), { uplinks: [] });
      return await this.#kill.set(null);
    }
    const { containers, uplinks } = near.networks ?? await this.#ip.networks();
    const { ipv4, ipv6, lan } = exit;
    const desired = { ...this.#past(near), use: true, ipv4, ipv6, lan, containers };
    await this.#rules.apply(desired, { uplinks: allUplinks(uplinks) });
    if (!exit.killSwitch) await this.#kill.set(null);
  }

  /** Without an exit of its own, what of this tunnel passes another's. */
  #past(near: Near): DesiredExit {
    return {
      use: false,
      ipv4: false,
      ipv6: false,
      lan: false,
      source: near.addresses.find((address) => !address.includes(":")) ?? null,
      // WireGuard's own, too: checks leave by it, which is how another tunnel's kill switch sees them.
      ports: [this.#ports.ice, this.#ports.names, this.#ports.wireguard],
      services: near.services,
      containers: [],
      carried: near.carried.filter((prefix) => !EXIT_PREFIXES.includes(prefix)),
      overlay: [...near.overlay, ...near.used],
    };
  }

  /** Takes everything away but the kill switch: only a run that was told so removes it, so also a start that fails keeps it. */
  close(): Promise<void> {
    return this.#rules.apply(null, { uplinks: [] });
  }
}
