/**
 * Who gets credentials of the gate's TURN service: members with a session, by a control message, and members without one by
 * mail (mesh/wire/turn.ts). coturn knows no members, so when one of them who may still hold credentials belongs here no longer,
 * the secret behind all credentials is replaced: every allocation ends, and the others get new credentials at once.
 */
import type { Log } from "../../../mesh/host/log.ts";
import { readNodeRecord } from "../../../mesh/trust/record.ts";
import type { SigningKey } from "../../../mesh/trust/keys.ts";
import { makeTurnGrant, readTurnAsk } from "../../../mesh/trust/turn_mail.ts";
import { type Bytes, toBase64Url } from "../../../mesh/wire/encoding.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import { InTurn } from "../../../mesh/wire/in_turn.ts";
import type { TurnGrantedCredentials } from "../../../mesh/wire/turn.ts";
import type { Member } from "../../core/event.ts";
import { TurnAsks } from "../../core/turn/asks.ts";
import { CredentialDesk } from "../../core/turn/credentials.ts";
import { signUsername } from "./coturn.ts";

/** Asks that wait to be checked. */
const MAX_WAITING = 256;

export interface TurnDeskOptions {
  /** The network, and this gate's id and key. */
  net: string;
  gate: string;
  key: SigningKey;
  /** Checks a record against the ledger, which may first ask for newer entries. @throws GhostError */
  admit(o: { key: string; record: string }): Promise<Member>;
  /** The same against the ledger as it is. @throws GhostError */
  recheck(o: { key: string; record: string }): Promise<Member>;
  /** Leaves a box for a node. */
  mail(to: string, box: string): Promise<void>;
  /** Another secret counts. */
  rotated(secret: string): void;
  /** Hands new credentials to a node's session; false when it has none. */
  tell(node: string, credentials: TurnGrantedCredentials): boolean;
  log: Log;
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
  /** ms of a clock that goes on steadily. */
  clock(): number;
}

interface Holder {
  key: string;
  record: string;
  /** When its membership ends, in seconds since 1970. */
  expires: number;
}

export class TurnDesk {
  /** The secret that coturn starts with. */
  readonly secret: string;
  readonly #o: TurnDeskOptions;
  readonly #credentials: CredentialDesk;
  readonly #asks: TurnAsks;
  /** Those who hold credentials, and the records by which they got them. */
  readonly #holders = new Map<string, Holder>();
  readonly #reviews = new InTurn();
  #waiting = 0;

  constructor(o: TurnDeskOptions) {
    this.#o = o;
    this.secret = toBase64Url(o.random(32));
    this.#credentials = new CredentialDesk({ secret: this.secret, sign: signUsername });
    this.#asks = new TurnAsks(o.clock());
  }

  /** Credentials of a member, whose record has been checked. */
  issue({ id, key, expires }: Member, record: string): TurnGrantedCredentials {
    const now = this.#seconds();
    this.#holders.delete(id);
    this.#holders.set(id, { key, record, expires });
    const credentials = this.#credentials.issue(id, now, Math.floor(expires));
    this.#forget();
    return credentials;
  }

  /** Those who got theirs longest ago come first, and go when these have ended. */
  #forget(): void {
    for (const id of this.#holders.keys()) {
      if (this.#holds(id)) return;
      this.#holders.delete(id);
    }
  }

  /** Members who are remembered, because they may hold credentials. */
  get holders(): number {
    return this.#holders.size;
  }

  /** Takes a mailed ask; what does not hold is dropped without an answer. */
  async mailed(from: string, mail: string): Promise<void> {
    const { log } = this.#o;
    if (this.#waiting >= MAX_WAITING || !this.#asks.admit(from, this.#o.clock())) {
      return log.debug("an ask for TURN credentials was not looked at", { node: from });
    }
    this.#waiting++;
    try {
      await this.#answer(from, mail);
    } catch (error) {
      log.debug("an ask for TURN credentials was refused", { node: from, why: errorLine(error) });
    } finally {
      this.#waiting--;
    }
  }

  async #answer(from: string, mail: string): Promise<void> {
    const { net, gate } = this.#o;
    const { key, ask, record } = await readTurnAsk(mail);
    if (ask.net !== net || ask.gate !== gate) {
      throw new GhostError("wrong_network", "The ask is for another gate", { place: "turn ask" });
    }
    const member = await this.#o.admit({ key, record });
    if (member.id !== from) throw new GhostError("forbidden", "A node asks for itself only", { place: "turn ask" });
    const fault = this.#asks.take(member.id, ask.at, this.#o.now());
    if (fault !== null) throw new GhostError(fault, "Not a new ask", { place: "turn ask" });
    const { seal } = (await readNodeRecord(record)).record;
    const grant = { v: 1 as const, net, node: member.id, at: ask.at, ...this.issue(member, record) };
    const to = { id: member.id, seal };
    await this.#o.mail(from, await makeTurnGrant({ grant, gate, key: this.#o.key, to, seed: this.#o.random(32) }));
    this.#o.log.info("TURN credentials by mail", { node: member.id });
  }

  /** A node's key was revoked. */
  revoked(key: string): void {
    for (const [id, holder] of this.#holders) if (holder.key === key && this.#gone(id)) return this.#rotate();
  }

  /**
   * The ledger has changed what records are judged by: looks at all who hold credentials.
   * @param held those whose records have just been checked, by these
   */
  review(held: ReadonlyMap<string, Member> = new Map()): Promise<void> {
    return this.#reviews.run(async () => {
      let gone = false;
      for (const [id, { key, record }] of [...this.#holders]) {
        if (!this.#holds(id)) {
          this.#holders.delete(id);
          continue;
        }
        const member = held.get(record) ?? await this.#o.recheck({ key, record }).catch(() => null);
        if (member === null) gone = this.#gone(id) || gone;
        else gone = this.#shortened(id, { key, record, expires: member.expires }) || gone;
      }
      if (gone) this.#rotate();
    });
  }

  /** Forgets a holder; true when what it holds would still count. */
  #gone(id: string): boolean {
    const holds = this.#holds(id);
    this.#holders.delete(id);
    if (holds) this.#o.log.info("a member with TURN credentials is gone: all of them are replaced", { node: id });
    return holds;
  }

  /** Notes when a holder's membership ends by now; true when what it holds would count for longer. */
  #shortened(id: string, holder: Holder): boolean {
    if (this.#credentials.until(id) <= holder.expires) return false;
    this.#holders.set(id, holder);
    this.#o.log.info("a member's TURN credentials would outlive its membership: all are replaced", { node: id });
    return true;
  }

  #holds(id: string): boolean {
    return this.#credentials.holds(id, this.#seconds());
  }

  #rotate(): void {
    const secret = toBase64Url(this.#o.random(32));
    this.#credentials.rotate(secret);
    this.#o.rotated(secret);
    for (const [id, { key, record, expires }] of [...this.#holders]) {
      const told = this.#o.tell(id, this.issue({ id, key, expires }, record));
      if (!told) this.#holders.delete(id); // it asks again when its allocation has ended
    }
  }

  #seconds(): number {
    return Math.floor(this.#o.now() / 1000);
  }
}
