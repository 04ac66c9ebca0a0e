/** The turn rung's parts, connected: which servers there are, their credentials, and this node's address at one of them. */
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { Log } from "../../mesh/host/log.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { LinkConfig } from "./config.ts";
import type { Gates } from "./gates.ts";
import type { NetworkView } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import type { TurnServer } from "./turn_pipe.ts";
import { probeTurn } from "./turn_probe.ts";
import { GateCredentials } from "./turn_credentials.ts";
import { TurnDesk } from "./turn_desk.ts";
import { choicesOf, choicesOfNamed, inOrder, mayDial, type NamedServer, type TurnChoice } from "./turn_servers.ts";

export interface TurnPartsOptions {
  id: string;
  config: LinkConfig;
  /** The servers of the config, read. */
  named: readonly NamedServer[];
  own: OwnRecord;
  view: NetworkView;
  gates(): Gates;
  mesh: MeshClient;
  meshUp(): boolean;
  /** Addresses of a host; those of before when its name is not answered now. */
  addressesOf(host: string): Promise<readonly string[]>;
  /** Those of them to which this machine has a route; all where it has none to any. */
  ways(hosts: readonly string[]): Promise<readonly string[]>;
  log: Log;
  /** The machine's own clock, for what others have dated. */
  now(): number;
  /** The clock of deadlines (mesh/host/clock.ts). */
  due(): number;
}

/** Whether "turn" is named, and not behind "ice". */
function turnFirst(words: LinkConfig["fallback"]): boolean {
  return words.find((word) => word !== "stun") === "turn";
}

/** Over UDP answers are known by the address that they come from; TLS needs the name for the certificate. */
async function byAddress(choice: TurnChoice, ways: TurnPartsOptions["ways"]): Promise<TurnChoice> {
  const { server } = choice;
  if (server.transport !== "udp") return choice;
  return { ...choice, server: { ...server, host: (await ways([server.host]))[0] ?? server.host } };
}

export class TurnParts {
  readonly desk: TurnDesk;
  readonly credentials: GateCredentials;
  readonly #o: TurnPartsOptions;

  constructor(o: TurnPartsOptions) {
    this.#o = o;
    const { identity, network } = o.own;
    this.credentials = new GateCredentials({
      net: network.net,
      self: { id: o.id, key: identity.seal },
      key: identity.identity,
      record: () => o.own.jws,
      gate: (id) => o.view.gates.get(id),
      ask: (gate) => {
        if (!o.gates().has(gate)) return false;
        o.gates().send(gate, { t: "turn" });
        return true;
      },
      mail: async (gate, box) => {
        if (!o.meshUp()) throw new GhostError("unreachable", "The coordinator is away");
        await o.mesh.mail(gate, box);
      },
      dropped: (gate, why) => o.log.debug("An answer about TURN was dropped", { gate, why: errorLine(why) }),
      now: o.now,
    });
    this.desk = new TurnDesk({
      enabled: o.config.fallback.includes("turn"),
      first: turnFirst(o.config.fallback),
      choices: (prefer) => this.choices(prefer),
      refused: ({ gate }, credentials) => gate !== null && this.credentials.refused(gate, credentials),
      log: o.log,
      now: o.due,
    });
  }

  /** Which transports to a gate's TURN service get through now; null asks the servers of the config. */
  async probe(gate: string | null): Promise<TurnServer["transport"][]> {
    const choices = (await this.choices(gate)).filter((choice) => choice.gate === gate);
    return await probeTurn(choices.map(({ server }) => server));
  }

  /** All servers by all transports: the gates' own, in their order, and those of the config. */
  async choices(prefer: string | null): Promise<TurnChoice[]> {
    const { view, named, addressesOf, ways } = this.#o;
    const gates = await Promise.all(
      [...view.gates.values()].filter(({ record }) => record.turn).map(async (gate) => {
        const all = (await Promise.all(gate.record.hosts.map(addressesOf))).flat();
        const open = await ways(gate.record.hosts);
        const addresses = open.filter((address) => mayDial(address, (overlay) => view.isOverlay(overlay)));
        const ipv4 = all.some((address) => !address.includes(":"));
        return { gate, id: gate.id, session: this.#o.gates().has(gate.id), addresses, ipv4 };
      }),
    );
    const own = inOrder(gates, prefer).flatMap(({ gate, addresses, ipv4 }) =>
      choicesOf(gate, { addresses, ipv4, credentials: () => this.credentials.of(gate.id) })
    );
    const others = await Promise.all(named.flatMap(choicesOfNamed).map((choice) => byAddress(choice, ways)));
    return [...own, ...others];
  }

  /** Takes mail of a gate; false when it is from none. */
  mailed(from: string, box: string): boolean {
    const gate = this.#o.view.gates.get(from);
    if (gate) void this.credentials.mailed(gate, box);
    return gate !== undefined;
  }

  close(): void {
    this.desk.close();
  }
}
