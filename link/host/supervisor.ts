/**
 * What outlives a session of the tunnel: the local API, the settings that `ghostctl up`, `down`, `set` and `leave` change, and
 * the histories of events and log lines. While the tunnel is down nothing of it is on the machine; the socket answers.
 */
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type {
  LocalDown,
  LocalLeave,
  LocalSettings,
  LocalSettingsRequest,
  LocalStatus,
  LocalWhois,
} from "../../mesh/wire/local.ts";
import type { LocalExit, LocalExitRequest } from "../../mesh/wire/local_exit.ts";
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { openKept } from "../../mesh/trust/kept_ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { parseServer, serverText } from "../../mesh/client/mod.ts";
import type { Control } from "./control_api.ts";
import type { DaemonOptions } from "./daemon.ts";
import { idleExit, killSwitchNote } from "./exit/idle.ts";
import type { Feeds } from "./feeds.ts";
import { addressesOf, join } from "./join.ts";
import { type LocalHandlers, type LocalServer, serveLocal } from "./local_api.ts";
import { OwnRecord } from "./own_record.ts";
import { random } from "./random.ts";
import type { Session } from "./session.ts";

/** What the supervisor is started with; `session` runs the tunnel until its signal aborts. */
export interface SupervisorOptions extends Omit<DaemonOptions, "attach" | "event"> {
  feeds: Feeds;
  group: number | null;
  /** Waits for `ghostctl join` when this machine has joined nothing. */
  idle: boolean;
  session(o: DaemonOptions): Promise<void>;
}

/** Runs sessions of the tunnel, one after another. */
export class Supervisor implements Control {
  readonly feeds: Feeds;
  readonly #o: SupervisorOptions;
  #local: LocalServer | null = null;
  #session: Session | null = null;
  #stop: AbortController | null = null;
  #fault: string | null = null;
  /** Wakes the loop when `up` or `join` wants it to look again. */
  #wake: () => void = () => {};
  /** Resolves when the session has come up, ended or failed. */
  #turn = Promise.withResolvers<void>();

  constructor(o: SupervisorOptions) {
    this.#o = o;
    this.feeds = o.feeds;
  }

  /** Runs until the signal of the options aborts. @throws GhostError for what is missing at the first start */
  async run(): Promise<void> {
    const { state, signal } = this.#o;
    try {
      if (await state.network() === null && !this.#o.idle) {
        throw new GhostError("not_admitted", "This machine has not joined a network", {
          place: state.dir,
          mend: "run: ghostlink join --server HOST --auth TOKEN",
        });
      }
      await this.#holdKillSwitch();
      while (!signal.aborted) {
        if (await state.network() !== null && (await state.settings()).up) await this.#runSession();
        else {
          await this.#releaseLastResort();
          await this.#serve();
        }
        this.#turned();
        if (signal.aborted || this.#again) continue;
        await this.#woken();
      }
    } finally {
      await this.#local?.close();
    }
  }

  /** A boot took it away; whether the tunnel is to be up or not, nothing leaves meanwhile. */
  async #holdKillSwitch(): Promise<void> {
    const { state, platform, config, log } = this.#o;
    const { exit } = await state.settings();
    if (!exit?.killSwitch) return;
    await platform.holdKillSwitch(config.interface, exit).catch((error: unknown) =>
      log.error("The kill switch could not be loaded", { why: errorLine(error) })
    );
  }

  /** Off the network by choice: what a session that was killed or failed has left goes as well. */
  async #releaseLastResort(): Promise<void> {
    const { state, platform, config, log } = this.#o;
    try {
      const identity = await state.identity();
      if (identity) await platform.releaseLastResort(config.interface, await nodeIdOf(identity.identity.public));
    } catch (error) {
      log.error("Routes of last resort could not be taken away", { why: errorLine(error) });
    }
  }

  /** Set by `up` while the session before is still ending. */
  #again = false;

  async #runSession(): Promise<void> {
    this.#again = false;
    this.#stop = new AbortController();
    const abort = () => this.#stop?.abort();
    this.#o.signal.addEventListener("abort", abort);
    try {
      this.#fault = null;
      await this.#o.session({
        ...this.#o,
        signal: this.#stop.signal,
        event: this.feeds.event,
        attach: async (session) => {
          this.#session = session;
          if (session === null) return;
          await this.#serve();
          this.#turned();
          // Only now: a start that fails changes nothing.
          void this.#syncSshKeys().catch((error) =>
            this.#o.log.warn("The SSH host keys are not told to others", { why: errorLine(error) })
          );
        },
      });
      this.feeds.event("state", "the tunnel is down", { state: "down" });
    } catch (error) {
      // A first start that fails ends the program; one by `ghostctl up` is told there and can be tried again.
      if (this.#local === null) throw error;
      this.#fault = errorLine(error);
      this.#o.log.error("The tunnel is down", { why: this.#fault });
      this.feeds.event("state", `the tunnel is down: ${this.#fault}`, { state: "down" });
    } finally {
      this.#o.signal.removeEventListener("abort", abort);
      this.#session = null;
      this.#stop = null;
    }
  }

  #turned(): void {
    this.#turn.resolve();
    this.#turn = Promise.withResolvers();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#o.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async #serve(): Promise<void> {
    this.#local ??= await serveLocal({
      socket: this.#o.socket,
      random,
      group: this.#o.group,
      control: this,
      // Whoever answers now: the session's own handlers, or those of a machine whose tunnel is down.
      handlers: new Proxy({} as LocalHandlers, {
        get: (_, name) => Reflect.get(this.#session?.handlers ?? this.#idle, name) ?? this.#refuse,
      }),
    });
  }

  readonly #refuse = async (): Promise<never> => {
    await this.#own(); // says so when this machine has joined nothing
    throw new GhostError("not_supported", "The tunnel is down", { mend: "type: ghostctl up" });
  };

  readonly #idle: Partial<LocalHandlers> = {
    status: () => this.#idleStatus(),
    exit: (request) => this.#idleExit(request),
    join: async ({ auth, server, name }) => {
      const joined = await join(this.#o.state, {
        auth,
        ...(server === undefined ? {} : { server }),
        ...(name === undefined ? {} : { name }),
        machine: this.#o.machine,
        random,
        now: () => Date.now(),
      });
      await this.up();
      return { name: joined.network.name, id: joined.id, addresses: joined.addresses };
    },
  };

  #idleExit(request: LocalExitRequest | null): Promise<LocalExit> {
    const { state, platform, config } = this.#o;
    return idleExit(request, { state, platform, iface: config.interface, offer: config.exit });
  }

  async #idleStatus(): Promise<LocalStatus> {
    const own = await this.#own();
    const { network, record } = own;
    const why = this.#fault === null ? "" : ` (${this.#fault})`;
    return {
      self: {
        name: record.name,
        id: await nodeIdOf(own.identity.identity.public),
        addresses: addressesOf(record),
        interface: this.#o.config.interface,
      },
      network: {
        id: network.net,
        name: "",
        server: serverText(parseServer(network.server)),
        connected: false,
        ledgerSeq: (await this.#o.state.ledger.read()).length - 1,
      },
      gates: [],
      home: { gate: null, why: null },
      warnings: [`the tunnel is down${why}: ghostctl up`, ...await this.#killSwitchNote()],
      exit: (await this.#idleExit(null)).use,
      state: "down",
    };
  }

  async #own(): Promise<OwnRecord> {
    const { state } = this.#o;
    const [identity, network] = [await state.identity(), await state.network()];
    if (!identity || !network) {
      throw new GhostError("not_admitted", "This machine has not joined a network", {
        mend: "type: ghostctl join --auth TOKEN",
      });
    }
    return new OwnRecord({ state, identity, network, random, now: () => Date.now() });
  }

  // What ghostctl asks for -----------------------------------------------------------------------

  async whois(who: string | undefined): Promise<LocalWhois> {
    return await (this.#session?.whois(who) ?? this.#refuse());
  }

  async up(): Promise<{ state: "up"; changed: boolean }> {
    if (this.#session !== null && (await this.#o.state.settings()).up) return { state: "up", changed: false };
    await this.#own();
    await this.#o.state.changeSettings({ up: true });
    this.#again = true;
    const turn = this.#turn.promise;
    this.#wake();
    await turn;
    if (this.#fault !== null) throw new GhostError("internal", this.#fault, { mend: "see: ghostctl logs" });
    return { state: "up", changed: true };
  }

  async down(): Promise<LocalDown> {
    await this.#own(); // says so when this machine has joined nothing
    await this.#o.state.changeSettings({ up: false });
    const changed = this.#stop !== null;
    if (changed) {
      const turn = this.#turn.promise;
      this.#stop!.abort();
      await turn;
    } else await this.#releaseLastResort();
    return { state: "down", changed, notes: await this.#killSwitchNote() };
  }

  async #killSwitchNote(): Promise<string[]> {
    const { state, platform, config } = this.#o;
    return await killSwitchNote({ state, platform, iface: config.interface });
  }

  /** The network's ledger, by the session or as it was kept; null when what was kept cannot be read. */
  async #ledger({ network }: OwnRecord): Promise<Ledger | null> {
    return this.#session?.ledger ??
      await openKept(this.#o.state.ledger, { net: network.net, issuerSigners }).catch(() => null);
  }

  async leave({ forget }: { forget: boolean }): Promise<LocalLeave> {
    const { state } = this.#o;
    if (forget && await state.network() === null && await state.identity() !== null) {
      await state.leave({ forget });
      return { name: "", told: true, was: "outside" };
    }
    const own = await this.#own();
    const { name } = own.network;
    const revoked = (await this.#ledger(own))?.isRevoked("node", own.identity.identity.public) ?? false;
    const told = await (this.#session?.farewell() ?? Promise.resolve(false));
    await this.down();
    if ((await this.#o.state.settings()).exit?.killSwitch) {
      await this.#o.platform.releaseKillSwitch(this.#o.config.interface);
    }
    await state.leave({ forget });
    this.feeds.event("state", "this machine has left its network", { state: "left" });
    return { name, told, was: revoked ? "revoked" : "member" };
  }

  async settings(): Promise<LocalSettings> {
    const { up, ssh } = await this.#o.state.settings();
    const own = await this.#own();
    const settled = (await this.#ledger(own))?.nodeSettings(await nodeIdOf(own.identity.identity.public));
    return { name: own.record.name, up, ssh, given: settled?.name ?? null };
  }

  async set({ name, ssh }: LocalSettingsRequest): Promise<LocalSettings> {
    const before = await this.settings();
    if (name !== undefined && name !== before.name) {
      if (this.#session) await this.#session.change({ name });
      else await (await this.#own()).change({ name });
    }
    if (ssh !== undefined && ssh !== before.ssh) {
      await this.#o.state.changeSettings({ ssh });
      await this.#syncSshKeys();
    }
    return await this.settings();
  }

  /** Brings the record's SSH host keys in line with this machine's and with the settings. */
  async #syncSshKeys(): Promise<void> {
    const ssh = (await this.#o.state.settings()).ssh ? await this.#o.platform.sshHostKeys() : [];
    const own = await this.#own();
    if (JSON.stringify(own.record.ssh ?? []) === JSON.stringify(ssh)) return;
    if (this.#session) await this.#session.change({ ssh });
    else await own.change({ ssh });
  }
}
