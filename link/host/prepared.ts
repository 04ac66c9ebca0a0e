/**
 * The machine as it is before a daemon uses it: the tunnel's interface and the socket of the path checks. A join brings it up before
 * it spends a token, so that whatever this machine lacks is told while nothing is lost; the daemon goes on with the same.
 */
import type { HttpConnection } from "../../mesh/client/mod.ts";
import { steady } from "../../mesh/host/clock.ts";
import type { Log } from "../../mesh/host/log.ts";
import { networkPrefix6 } from "../../mesh/trust/address.ts";
import type { LinkConfig } from "./config.ts";
import { stunCrypto } from "./crypto.ts";
import { IceHub } from "./ice_hub.ts";
import type { LastResortEnd } from "./last_resort.ts";
import type { Machine } from "./machine.ts";
import type { Platform } from "./platform.ts";
import type { NodeState } from "./state.ts";
import { type NamedServer, namedServer } from "./turn_servers.ts";

/** What a machine is brought up for. */
export interface PrepareOptions {
  state: NodeState;
  config: LinkConfig;
  platform: Platform;
  log: Log;
}

/** Whose a machine is: a node of a network, which is null while it is not known. */
export interface Whose {
  id: string;
  net: string | null;
}

/** What the machine tells whoever uses it. */
interface User {
  reconcile(): Promise<void>;
}

/** See the head of this file. */
export class Prepared {
  readonly #whose: Whose;
  readonly hub: IceHub;
  readonly machine: Machine;
  readonly turnServers: readonly NamedServer[];
  /** Who goes on with it; null before that. */
  user: User | null = null;

  private constructor(o: Whose & { hub: IceHub; machine: Machine; turnServers: readonly NamedServer[] }) {
    this.#whose = { id: o.id, net: o.net };
    this.hub = o.hub;
    this.machine = o.machine;
    this.turnServers = o.turnServers;
  }

  /**
   * Begins to bring it up (`machine.opened` tells when it is).
   * @param who the node that it is for, and its network (null while that is not known)
   * @throws GhostError for what is missing besides the interface
   */
  static async begin({ id, net }: Whose, o: PrepareOptions): Promise<Prepared> {
    const turnServers = await Promise.all(o.config.turn.map(namedServer));
    const hub = new IceHub({ log: o.log, crypto: stunCrypto, clock: steady.now, held: true });
    try {
      const machine = await o.platform.openMachine({
        iface: o.config.interface,
        owner: id,
        prefix6: net === null ? null : await networkPrefix6(net),
        port: o.config.port,
        mtu: o.config.mtu,
        firewall: o.config.firewall,
        onChange: o.config.on_change ?? null,
        stunPort: hub.port,
        stateDir: o.state.dir,
        log: o.log,
        onPortShared: () => hub.release(),
        onDeviceRestart: () => prepared.user?.reconcile(),
        onRouteHealth: () => prepared.user?.reconcile(),
      });
      const prepared = new Prepared({ id, net, hub, machine, turnServers });
      return prepared;
    } catch (error) {
      hub.close();
      throw error;
    }
  }

  /** Whether it was brought up for this node of this network. */
  isFor({ id, net }: Whose): boolean {
    return this.#whose.id === id && this.#whose.net === net;
  }

  /** Brought up, with the tunnel's port free. @throws GhostError for whatever this machine lacks; it is then as before */
  static async whole(who: Whose, o: PrepareOptions): Promise<Prepared> {
    const prepared = await Prepared.begin(who, o);
    try {
      await prepared.machine.opened;
      await prepared.machine.checkPort();
      return prepared;
    } catch (error) {
      await prepared.close();
      throw error;
    }
  }

  /** Puts the machine back. @param lastResort what becomes of the routes of last resort */
  async close(lastResort: LastResortEnd = "as found"): Promise<void> {
    try {
      await this.machine.close({ lastResort });
    } finally {
      this.hub.close();
    }
  }
}

/** What a join brings up beside its questions to the coordinator, and the connections that these leave, until the daemon takes it. */
export class Preparing {
  #under: Promise<Prepared> | null = null;
  #connection: HttpConnection | undefined;

  /** Keeps the connections of the join that has just published the own record. */
  readonly keep = (connection: HttpConnection): void => void (this.#connection = connection);

  /** These connections, once; undefined when there was no join. */
  takeConnection(): HttpConnection | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    return connection;
  }

  /** Brings a machine up, in the place of one of before. @throws GhostError for whatever it lacks */
  async begin(who: Whose, o: PrepareOptions): Promise<void> {
    await this.drop();
    this.#under = Prepared.whole(who, o);
    await this.#under;
  }

  /** The machine, which is the caller's from now on; null without one, or when it could not be had. */
  async take(): Promise<Prepared | null> {
    const under = this.#under;
    this.#under = null;
    return await under?.catch(() => null) ?? null;
  }

  /** Puts back what nobody has taken. */
  async drop(): Promise<void> {
    this.takeConnection()?.close();
    await (await this.take())?.close();
  }
}
