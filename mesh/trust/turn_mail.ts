/** The two mailed messages by which a node gets TURN credentials of a gate, signed, sealed and checked (wire/turn.ts). */
import { type Bytes, fromUtf8, utf8 } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { key32, parse } from "../wire/schema.ts";
import {
  TURN_ASK_TYP,
  TURN_GRANT_TYP,
  TURN_MAIL_SEPARATOR,
  type TurnAsk,
  turnAsk,
  type TurnGrant,
  turnGrant,
} from "../wire/turn.ts";
import { signJws, verifyJws } from "./jws.ts";
import { boxKeyFromSeed, type SigningKey } from "./keys.ts";
import { openBox, type OwnEnd, type PeerEnd, sealBox } from "./seal.ts";

/** Longest signed statement inside, in characters. */
const MAX_STATEMENT = 2_048;

/** A node's ask: its record, and a statement by the same key. */
export async function makeTurnAsk(o: { ask: TurnAsk; record: string; key: SigningKey }): Promise<string> {
  const statement = await signJws(parse(turnAsk, o.ask, "turn ask"), { typ: TURN_ASK_TYP, key: o.key });
  return `${o.record}${TURN_MAIL_SEPARATOR}${statement}`;
}

/**
 * Reads an ask. The statement's signature has been checked then, the record not: the caller checks it against `key`.
 * @throws GhostError `bad_input`, `bad_signature`
 */
export async function readTurnAsk(mail: string): Promise<{ key: string; ask: TurnAsk; record: string }> {
  const [record, statement] = halves(mail);
  const { key, payload } = await verifyJws(statement, { typ: TURN_ASK_TYP, max: MAX_STATEMENT, place: "turn ask" });
  return { key, ask: parse(turnAsk, payload, "turn ask"), record };
}

/** The gate's answer; `seed` is 32 random bytes for the key that seals this one message. */
export async function makeTurnGrant(
  o: { grant: TurnGrant; gate: string; key: SigningKey; to: PeerEnd; seed: Bytes },
): Promise<string> {
  const { grant, gate, to } = o;
  const statement = await signJws(parse(turnGrant, grant, "turn grant"), { typ: TURN_GRANT_TYP, key: o.key });
  const key = await boxKeyFromSeed(o.seed);
  const box = await sealBox({ plain: utf8(statement), net: grant.net, from: { id: gate, key }, to });
  return `${key.public}${TURN_MAIL_SEPARATOR}${box}`;
}

/**
 * Opens an answer of the gate `gate`.
 * @throws GhostError `bad_input`, `bad_signature`, `wrong_network`; whether it answers an ask of ours is the caller's to check
 */
export async function openTurnGrant(
  mail: string,
  o: { net: string; self: OwnEnd; gate: { id: string; key: string } },
): Promise<TurnGrant> {
  const [shown, box] = halves(mail);
  const seal = parse(key32, shown, "turn grant");
  const plain = await openBox(box, { net: o.net, to: o.self, from: { id: o.gate.id, seal } });
  const { payload } = await verifyJws(fromUtf8(plain, "turn grant"), {
    typ: TURN_GRANT_TYP,
    key: o.gate.key,
    max: MAX_STATEMENT,
    place: "turn grant",
  });
  const grant = parse(turnGrant, payload, "turn grant");
  if (grant.net !== o.net || grant.node !== o.self.id) {
    throw new GhostError("wrong_network", "These TURN credentials are for another node", { place: "turn grant" });
  }
  return grant;
}

function halves(mail: string): [string, string] {
  const parts = mail.split(TURN_MAIL_SEPARATOR, 3);
  if (parts.length !== 2) throw new GhostError("bad_input", "Not a message about TURN", { place: "mail" });
  return parts as [string, string];
}
