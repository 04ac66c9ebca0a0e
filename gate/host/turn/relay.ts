/**
 * The gate's TURN service as its host has it: where coturn listens, whether it may run here at all, and what the gate's record
 * says of it. What stands in its way costs this rung only, and one line in the log says it.
 */
import { lookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";
import type { Log } from "../../../mesh/host/log.ts";
import { findTool, type Runner } from "../../../mesh/host/runner.ts";
import { InTurn } from "../../../mesh/wire/in_turn.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import type { GateRecord } from "../../../mesh/wire/record.ts";
import type { TurnPlan } from "../../core/turn/config.ts";
import { type ExternalAddress, externalAddresses } from "../../core/turn/external.ts";
import { hostsOf } from "../addresses.ts";
import type { Certificate } from "../certificate.ts";
import type { GateConfig } from "../config.ts";
import { turnPortOf } from "../config_ports.ts";
import { TURN_TABLE } from "../../core/turn/egress.ts";
import { forgetTable, noteTable } from "../leftovers.ts";
import { Coturn, type CoturnOptions } from "./coturn.ts";

/** What is asked of coturn once it runs. */
type Relay = Pick<Coturn, "rotate" | "ensureWall" | "close">;

export interface TurnRelayOptions {
  config: GateConfig;
  stateDir: string;
  certificate: Certificate;
  secret: string;
  /** The network's own prefixes. */
  overlay: readonly string[];
  /** Addresses of the host's interfaces. */
  addresses(): string[];
  runner: Runner;
  log: Log;
  /** Addresses of a host name; left out: the system's own look-up. */
  resolve?: (name: string) => Promise<string[]>;
  /** Left out: coturn itself. */
  start?: (o: CoturnOptions) => Promise<Relay>;
}

/** A name without addresses tells nothing of a NAT; whether anybody reaches it is for the record's checks. */
const lookUp = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true }).catch(() => [])).map(({ address }) => address);

export class TurnRelay {
  readonly #o: TurnRelayOptions;
  #secret: string;
  #coturn: Relay | null = null;
  #plan: TurnPlan | null = null;
  /** What the log was told last, by message. */
  readonly #told = new Map<string, string>();
  readonly #work = new InTurn();
  readonly #over = new AbortController();

  /** Nothing runs before the first `audit`. */
  constructor(o: TurnRelayOptions) {
    this.#o = o;
    this.#secret = o.secret;
  }

  /** What the record says; undefined while there is no service. */
  get facts(): GateRecord["turn"] {
    if (this.#coturn === null || this.#plan === null) return undefined;
    const { port, tls } = this.#plan;
    return { port, ...(tls === null ? {} : { tls }) };
  }

  /** Brings it in line with the host: other addresses, rules that somebody has flushed, and what did not work before. */
  audit(): Promise<void> {
    return this.#work.run(() => this.#over.signal.aborted ? Promise.resolve() : this.#audit());
  }

  async #audit(): Promise<void> {
    const addresses = this.#addresses();
    if (addresses.length === 0) return this.#without("only this machine reaches this gate");
    const port = turnPortOf(this.#o.config);
    if (port === null) return this.#without("listen has no port of its own: set turn");
    if (this.#coturn && addresses.join() === this.#plan?.listen.join()) {
      try {
        if (await this.#coturn.ensureWall()) this.#o.log.warn("the rules around coturn were gone and are back");
        return;
      } catch (error) {
        return await this.#failed(error); // no relay without its walls
      }
    }
    try {
      await this.#stop();
      await this.#start(addresses, port);
    } catch (error) {
      await this.#failed(error);
    }
  }

  async #start(addresses: string[], port: number): Promise<void> {
    const { config, certificate, runner, log, stateDir, overlay, start = Coturn.start } = this.#o;
    const tls = config.turn_tls === 0 || !this.#free(config.turn_tls, addresses) ? null : config.turn_tls;
    const external = await this.#external(addresses);
    const plan = { listen: addresses, relay: addresses, external, port, tls, ports: config.turn_ports, overlay };
    await noteTable(stateDir, TURN_TABLE);
    const secret = this.#secret;
    this.#coturn = await start({
      plan,
      dir: `${stateDir}/turn`,
      certificate,
      secret,
      tools: {
        turnserver: await findTool("turnserver", "apt-get install coturn"),
        nft: await findTool("nft", "apt-get install nftables"),
        setpriv: await findTool("setpriv", "apt-get install util-linux").catch(() => null),
      },
      runner,
      log,
      signal: this.#over.signal,
    });
    this.#plan = plan;
    // `rotate` does not reach a coturn that is only about to be here.
    if (this.#secret !== secret) this.#coturn.rotate(this.#secret);
    this.#told.clear();
    log.info("TURN", {
      udp: port,
      tcp: port,
      tls: tls ?? "none",
      addresses: addresses.join(","),
      ...(external.length > 0 && { outside: external.map((e) => e.public).join(",") }),
    });
  }

  /** What others call these addresses: what the operator advertises, looked up where it is a name. */
  async #external(own: string[]): Promise<ExternalAddress[]> {
    const { config, resolve = lookUp } = this.#o;
    const advertised = await Promise.all(
      (config.advertise ?? []).map((host) => ipaddr.isValid(host) ? [host] : resolve(host)),
    );
    const { known, unclear } = externalAddresses({ advertised: advertised.flat(), own });
    if (unclear.length > 0) {
      this.#say("TURN cannot tell which of this host's addresses these stand for", {
        advertised: unclear.join(","),
        own: own.join(","),
        mend: "bind the gate to one of them with `listen`",
      });
    }
    return known;
  }

  /** TLS on 443 is what gets through where nothing else does, but a web server may be there first. */
  #free(port: number, addresses: string[]): boolean {
    try {
      Deno.listen({ hostname: addresses[0]!, port }).close();
      return true;
    } catch (error) {
      this.#say("TURN has no TLS: machines whose network lets only TCP 443 out cannot be relayed", {
        why: `TCP ${port}: ${error instanceof Error ? error.message : error}`,
        mend: "stop what has the port (ss -ltnp), or set turn_tls to another one, or to 0",
      });
      return false;
    }
  }

  #addresses(): string[] {
    const { config, overlay } = this.#o;
    const hosts = hostsOf({ listen: config.listen.hostname, own: this.#o.addresses(), overlay: [...overlay] });
    return hosts.filter((host) => host !== "::1" && !host.startsWith("127."));
  }

  async #failed(error: unknown): Promise<void> {
    // A start that fails leaves no table.
    await this.#stop().then(() => forgetTable(this.#o.stateDir, TURN_TABLE)).catch(() => {});
    if (!this.#over.signal.aborted) this.#without(errorLine(error));
  }

  #without(why: string): void {
    this.#say("no TURN rung here; the other rungs work on", { why });
  }

  #say(message: string, fields: Record<string, string>): void {
    const text = JSON.stringify(fields);
    if (text !== this.#told.get(message)) this.#o.log.warn(message, fields);
    this.#told.set(message, text);
  }

  async #stop(): Promise<void> {
    const coturn = this.#coturn;
    this.#coturn = null;
    if (!coturn) return;
    await coturn.close();
    await forgetTable(this.#o.stateDir, TURN_TABLE);
  }

  /** From now on another secret counts; whoever holds an allocation loses it. */
  rotate(secret: string): void {
    this.#secret = secret;
    this.#coturn?.rotate(secret);
  }

  close(): Promise<void> {
    this.#over.abort();
    return this.#work.run(() => this.#stop());
  }
}
