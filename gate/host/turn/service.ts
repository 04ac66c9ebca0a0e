/** The gate's rung "turn" as a whole: coturn (relay.ts) and who gets credentials of it (desk.ts). */
import type { MeshClient } from "../../../mesh/client/mod.ts";
import type { GateRecord } from "../../../mesh/wire/record.ts";
import type { TurnGrantedCredentials } from "../../../mesh/wire/turn.ts";
import type { Member } from "../../core/event.ts";
import type { LedgerJudge } from "../judge.ts";
import { pause } from "../../../mesh/wire/pause.ts";
import { TurnDesk, type TurnDeskOptions } from "./desk.ts";
import { TurnRelay, type TurnRelayOptions } from "./relay.ts";

/** How often coturn and the walls around it are looked at, in ms. */
const AUDIT = 5_000;

export interface TurnServiceOptions
  extends Omit<TurnRelayOptions, "secret">, Omit<TurnDeskOptions, "admit" | "recheck" | "mail" | "rotated"> {
  judge: LedgerJudge;
  client: MeshClient;
}

export class TurnService {
  readonly #desk: TurnDesk;
  readonly #relay: TurnRelay;
  /** False until it is known whether coturn runs here. */
  #settled = false;

  /** Nothing runs before `follow`. */
  constructor(o: TurnServiceOptions) {
    const { judge, client } = o;
    const desk = new TurnDesk({
      ...o,
      admit: (who) => judge.admit(who),
      recheck: (who) => judge.recheck(who),
      mail: (to, box) => client.mail(to, box),
      rotated: (secret) => relay.rotate(secret),
    });
    const relay = new TurnRelay({ ...o, secret: desk.secret });
    this.#desk = desk;
    this.#relay = relay;
  }

  /** Whether `facts` are more than a beginning: a record that is made before would take the service back for a moment. */
  get settled(): boolean {
    return this.#settled;
  }

  /** What the record says; undefined while there is no service. */
  get facts(): GateRecord["turn"] {
    return this.#relay.facts;
  }

  /** Credentials of a member; undefined while there is no service. */
  issue(member: Member, record: string): TurnGrantedCredentials | undefined {
    return this.facts && this.#desk.issue(member, record);
  }

  mailed(from: string, box: string): void {
    if (this.facts) void this.#desk.mailed(from, box);
  }

  /** A node's key was revoked. */
  revoked(key: string): void {
    this.#desk.revoked(key);
  }

  /** Looks anew at everybody who holds credentials; `held` are those who have been looked at, by their records. */
  review(held?: ReadonlyMap<string, Member>): Promise<void> {
    return this.#desk.review(held);
  }

  /** Starts coturn and keeps it and its walls up; `changed` is told when the record has to say something else, and once at first. */
  async follow(signal: AbortSignal, changed: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      const before = this.#settled && JSON.stringify(this.facts);
      await this.#relay.audit();
      if (signal.aborted) return;
      this.#settled = true;
      if (JSON.stringify(this.facts) !== before) await changed();
      await pause(AUDIT, signal);
    }
  }

  close(): Promise<void> {
    return this.#relay.close();
  }
}
