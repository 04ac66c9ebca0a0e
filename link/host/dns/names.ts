/**
 * The names of the network on this machine: our resolver, and the machine's programs led to it. Names are a convenience: what
 * fails here is told in `status` and tried again, and keeps no packet from its way.
 */
import type { Log } from "../../../mesh/host/log.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import {
  canonicalName,
  type DnsSettings,
  NO_DNS_SETTINGS,
  reverseZones,
  serversFor,
  Zone,
  type ZoneSource,
} from "../../core/dns/mod.ts";
import { emptyReply, RCODE, readQuery, zoneReply } from "./codec.ts";
import { Forwarder } from "./forward.ts";
import { DnsServer, type Responder } from "./server.ts";
import type { SystemWay } from "./system.ts";

/** What the network says of names. */
export interface NamesSource extends ZoneSource {
  settings?: DnsSettings;
  /** Host names of the coordinator and of gates. */
  own: readonly string[];
  /** All names are asked of us: with an exit node in use nobody else could ask for our own ones past it. */
  all?: boolean;
}

/** What people are told. */
export interface NamesState {
  address: string | null;
  way: SystemWay["name"] | null;
  suffix: string;
  search: readonly string[];
  names: number;
  upstreams: readonly string[];
  fault: string | null;
}

/** Options. */
export interface NamesOptions {
  /** How this machine's programs are led to the resolver, after what a crash left was put back. */
  way(places: { iface: string; resolvConf: string; file: string }): Promise<SystemWay>;
  iface: string;
  stateDir: string;
  /** The resolver's address; null switches all of it off. */
  address: string | null;
  log: Log;
  random: (n: number) => Bytes;
  /** True when packets to this source stay on this machine, its containers included. */
  isLocal(source: string): Promise<boolean>;
  source(): NamesSource;
  resolvConf?: string;
  /** UDP port from which the names of the coordinator and of gates are asked for, past an exit node in use. */
  ownPort?: number;
}

/** Names on this machine. */
export class Names {
  readonly #o: NamesOptions;
  readonly #forwarder: Forwarder;
  #server: DnsServer | null = null;
  #way: SystemWay | null = null;
  #zone: Zone;
  #source: NamesSource;
  #upstreams: readonly string[] = [];
  #fault: string | null = null;
  #closed = false;
  #last: Promise<void> = Promise.resolve();

  constructor(o: NamesOptions) {
    this.#o = o;
    this.#forwarder = new Forwarder(o);
    this.#source = o.source();
    this.#zone = new Zone(this.#source);
  }

  /** Puts back what a crash left in resolv.conf: before anything is resolved, for nobody answers there now. */
  async recover(): Promise<void> {
    try {
      this.#way = await this.#o.way({
        iface: this.#o.iface,
        resolvConf: this.#o.resolvConf ?? "/etc/resolv.conf",
        file: `${this.#o.stateDir}/resolv_conf.json`,
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Takes the newest names, and brings the machine in line. The tunnel interface has the resolver's address by then. */
  refresh(): Promise<void> {
    this.#source = this.#o.source();
    this.#zone = new Zone(this.#source);
    return this.#last = this.#last.then(() => this.#apply()).catch((error) => this.#failed(error));
  }

  /** Takes everything back. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#way?.restore().catch((error) => this.#failed(error));
    this.#server?.close();
  }

  /** The address that the tunnel interface should have for it. */
  get wanted(): string | null {
    return this.#o.address;
  }

  get state(): NamesState {
    return {
      address: this.#server ? this.#o.address : null,
      way: this.#server ? this.#way?.name ?? null : null,
      suffix: this.#zone.suffix,
      search: this.#search,
      names: this.#zone.size,
      upstreams: this.#settings.upstreams.length > 0 ? this.#settings.upstreams : this.#upstreams,
      fault: this.#fault,
    };
  }

  get #settings(): DnsSettings {
    return this.#source.settings ?? NO_DNS_SETTINGS;
  }

  get #search(): string[] {
    return [this.#zone.suffix, ...this.#settings.search];
  }

  async #apply(): Promise<void> {
    const { address } = this.#o;
    if (address === null || this.#closed) return;
    this.#way ?? await this.recover();
    if (this.#server?.broken) {
      this.#server.close();
      this.#server = null;
    }
    this.#server ??= this.#listen(address);
    const domains = [
      ...this.#settings.split.map((s) => s.domain),
      ...this.#zone.foreign,
      // All other names, which systemd-resolved would otherwise ask its own servers about.
      ...(this.#settings.upstreams.length > 0 || this.#source.all ? ["."] : []),
      ...this.#source.ranges.flatMap((range) => reverseZones(range)),
    ];
    await this.#way?.apply({ server: address, search: this.#search, domains });
    this.#upstreams = (await this.#way?.upstreams() ?? []).filter((server) => server !== address);
    this.#fault = null;
  }

  #listen(address: string): DnsServer {
    try {
      return new DnsServer({ address, respond: this.respond, mayAsk: (source) => this.#o.isLocal(source) });
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) {
        throw new GhostError("missing_privilege", "May not listen on port 53", {
          place: address,
          mend: "give ghostlink CAP_NET_BIND_SERVICE, or set dns = false in [link]",
        });
      }
      if (error instanceof Deno.errors.AddrInUse) {
        throw new GhostError("port_in_use", "Something else answers on port 53", {
          place: address,
          mend: "bind it to an address of its own, or set dns = false in [link]",
        });
      }
      throw error;
    }
  }

  #failed(error: unknown): void {
    const line = errorLine(error);
    if (line !== this.#fault) {
      this.#o.log.warn("Names of the network do not resolve here; it is tried again", { why: line });
    }
    this.#fault = line;
  }

  /** The answer to one message, from our zone or from another server. */
  readonly respond: Responder = async (bytes, { tcp }) => {
    const query = readQuery(bytes);
    if (query === null) return null;
    if ("reply" in query) return { reply: query.reply, query: null };
    const { own } = this.#source;
    const ours = own.some((name) => canonicalName(name) === canonicalName(query.name));
    const answer = ours ? null : this.#zone.answer(query);
    if (answer) return { reply: zoneReply(query, answer), query };
    const { split, upstreams } = this.#settings;
    const servers = serversFor(query.name, { split, upstreams, system: this.#upstreams, own });
    const reply = servers.length === 0 ? null : await this.#forwarder.ask(bytes, query, {
      servers,
      tcp,
      // One port for all makes answers easier to forge: only where no other leads out.
      ...(ours && this.#source.all && this.#o.ownPort !== undefined ? { port: this.#o.ownPort } : {}),
    });
    return { reply: reply ?? emptyReply(query, RCODE.failure), query };
  };
}
