/** Gate records, checked: as node records (record.ts), by a grant that admits gates. */
import ipaddr from "ipaddr.js";
import { GhostError } from "../wire/errors.ts";
import { GATE_TYP, type GateRecord, gateRecord } from "../wire/record.ts";
import { parse } from "../wire/schema.ts";
import { type Admission, verifyAdmission } from "./admission/mod.ts";
import { signJws, verifyJws } from "./jws.ts";
import { nodeIdOf, type SigningKey } from "./keys.ts";
import { checkStatement, MAX_RECORD, type RecordContext } from "./statement.ts";

/** A gate whose record holds. */
export interface VerifiedGate {
  id: string;
  /** Identity key. */
  key: string;
  /** The record as received. */
  jws: string;
  record: GateRecord;
  admission: Admission;
  /** The name in effect: a `gate` entry's, else the record's. */
  name: string;
  /** Admins want it to be emptied: it is used only where there is no other one. */
  draining: boolean;
}

/** Signs a gate's statement about itself. */
export async function signGateRecord(record: GateRecord, key: SigningKey): Promise<string> {
  return await signJws(parse(gateRecord, record, "record", "bad_record"), { typ: GATE_TYP, key });
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/i;

/**
 * Checks a gate record in every respect that the ledger and the clock decide.
 * @throws GhostError `bad_signature`, `bad_record`, `wrong_network`, `clock_skew`, `revoked`, and what verifyAdmission throws
 */
export async function verifyGateRecord(jws: string, context: RecordContext): Promise<VerifiedGate> {
  const { ledger } = context;
  const { key, payload } = await verifyJws(jws, { typ: GATE_TYP, max: MAX_RECORD, place: "record" });
  const record = parse(gateRecord, payload, "record", "bad_record");
  checkStatement(record, context);
  if (ledger.isRevoked("gate", key)) throw new GhostError("revoked", "This gate was revoked", { place: "record" });
  const admission = await verifyAdmission(record.proof, { ...context, key });
  if (!admission.gate) {
    const mend = "make one for gates: ghostctl token create --gate";
    throw new GhostError("not_admitted", "The token admits nodes only", { place: "record.proof", mend });
  }
  for (const [i, host] of record.hosts.entries()) {
    if (!ipaddr.isValid(host) && !HOST_NAME.test(host)) {
      throw new GhostError("bad_record", "Neither a host name nor an address", { place: `record.hosts[${i}]` });
    }
  }
  const settings = ledger.gateSettings(key);
  const foreign = record.hosts.findIndex((host) => settings && !settings.addresses.includes(host));
  if (foreign >= 0) {
    throw new GhostError("bad_record", `An admin gave this gate other addresses: ${settings!.addresses.join(", ")}`, {
      place: `record.hosts[${foreign}]`,
    });
  }
  const name = settings?.name ?? record.name;
  return { id: await nodeIdOf(key), key, jws, record, admission, name, draining: ledger.isDraining(key) };
}
