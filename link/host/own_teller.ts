/** Tells whom it concerns that this node's own record is another one: its own view, gates, peers and the coordinator. */
import type { Log } from "../../mesh/host/log.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import type { SignalBody } from "../../mesh/wire/signal.ts";
import type { Change } from "./network_view.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Parts } from "./parts.ts";

/** What telling needs of the daemon. */
export interface OwnTellerHost {
  parts: Pick<Parts, "view" | "gates" | "peers" | "signals" | "publisher">;
  own: OwnRecord;
  log: Log;
  meshUp(): boolean;
  /** The view has changed. */
  changed(change: Change): void;
  /** The home is this gate from now on. */
  moved(gate: string): void;
}

/** See the head of this file. */
export class OwnTeller {
  readonly #o: OwnTellerHost;

  constructor(o: OwnTellerHost) {
    this.#o = o;
  }

  /** The own record as a signal to peers. */
  get word(): SignalBody {
    return { t: "record", record: this.#o.own.jws };
  }

  /** Takes it into the view, as everybody's. */
  async take(): Promise<Change> {
    try {
      return (await this.#o.parts.view.node(this.#o.own.jws)).change;
    } catch (error) {
      this.#o.log.error("This node's own record does not verify", { why: errorLine(error) });
      return "none";
    }
  }

  /** It is a new one: here and at the gates at once, and peers whom the coordinator cannot tell have it from us. */
  async renewed(): Promise<void> {
    const { gates, peers, signals } = this.#o.parts;
    const change = await this.take();
    gates.announce(this.#o.own.jws);
    if (!this.#o.meshUp()) { for (const id of peers.all.keys()) signals.send(id, this.word); }
    this.#o.changed(change);
  }

  /** The same, and for the coordinator. */
  async changed(): Promise<void> {
    await this.renewed();
    await this.#o.parts.publisher.publish();
  }

  /** This node is found at these gates from now on. */
  async home(gates: string[]): Promise<void> {
    // The record may be about to say another home: it is compared with what it says then.
    const before = await this.#o.own.changeFrom((record) => record.gates.join() === gates.join() ? null : { gates });
    if (before === null) return;
    if (gates[0] !== before.gates[0]) this.#o.moved(gates[0]!);
    await this.changed();
  }
}
