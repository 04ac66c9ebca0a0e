/**
 * The machine as it is before a daemon uses it: the tunnel's interface and the socket of the path checks. A join brings it up before
 * it spends a token, so that whatever this machine lacks is told while nothing is lost; the daemon goes on with the same.
 */
import type { HttpConnection } from "../../mesh/client/mod.ts";
import { steady } from "../../mesh/host/clock.ts";
import type { Log } from "../../mesh/host/log.ts";
import type { LinkConfig } from "./config.ts";
import { stunCrypto } from "./crypto.ts";
import { IceHub } from "./ice_hub.ts";
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

/** What the machine tells whoever uses it. */
interface User {
  reconcile(): Promise<void>;
}

/** See the head of this file. */
export class Prepared {
  /** Whose it is. */
  readonly id: string;
  readonly hub: IceHub;
  readonly machine: Machine;
  readonly turnServers: readonly NamedServer[];
  /** Who goes on with it; null before that. */
  user: User | null = null;

  private constructor(o: { id: string; hub: IceHub; machine: Machine; turnServers: readonly NamedServer[] }) {
    this.id = o.id;
    this.hub = o.hub;
    this.machine = o.machine;
    this.turnServers = o.turnServers;
  }

  /**
   * Begins to bring it up (`machine.opened` tells when it is).
   * @param id of the node that it is for
   * @throws GhostError for what is missing besides the interface
   */
  static async begin(id: string, o: PrepareOptions): Promise<Prepared> {
    const turnServers = await Promise.all(o.config.turn.map(namedServer));
    const hub = new IceHub({ log: o.log, crypto: stunCrypto, clock: steady.now, held: true });
    try {
      const machine = await o.platform.openMachine({
        iface: o.config.interface,
        owner: id,
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
      const prepared = new Prepared({ id, hub, machine, turnServers });
      return prepared;
    } catch (error) {
      hub.close();
      throw error;
    }
  }

  /** Brought up, with the tunnel's port free. @throws GhostError for whatever this machine lacks; it is then as before */
  static async whole(id: string, o: PrepareOptions): Promise<Prepared> {
    const prepared = await Prepared.begin(id, o);
    try {
      await prepared.machine.opened;
      await prepared.machine.checkPort();
      return prepared;
    } catch (error) {
      await prepared.close();
      throw error;
    }
  }

  /** Puts the machine back. */
  async close(): Promise<void> {
    await this.machine.close();
    this.hub.close();
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
  async begin(id: string, o: PrepareOptions): Promise<void> {
    await this.drop();
    this.#under = Prepared.whole(id, o);
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
