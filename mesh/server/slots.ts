/** From stored records to slots: verified under the ledger, whatever the clock says of their end. */
import { fromBase64Url, fromUtf8, parseJson } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { gateRecord, nodeRecord } from "../wire/record.ts";
import { parse, type z } from "../wire/schema.ts";
import type { StoredRecord } from "../store/mod.ts";
import { type RecordContext, verifyGateRecord, verifyNodeRecord } from "../trust/record.ts";
import type { GateSlot, NodeSlot } from "./view.ts";

/** A record verified as of `now` (seconds), or as of its last second when that is past: its end is looked at when it is used. */
export async function nodeSlot(stored: StoredRecord, context: SlotContext): Promise<NodeSlot> {
  const { ledger, now } = context;
  const record = payloadOf(stored.jws, nodeRecord);
  const membership = ledger.nodeSettings(stored.id)?.expires ?? Infinity;
  const until = Math.min(record.exp, membership + 1);
  const machine = await held(verifyNodeRecord(stored.jws, { ...context, now: Math.min(now, until - 1) }));
  return {
    stored,
    machine,
    until: Math.min(until, machine?.admission.expires ?? Infinity),
    claims: { name: record.name, ipv4: record.ipv4 },
  };
}

/** As `nodeSlot`, for gates. */
export async function gateSlot(stored: StoredRecord, context: SlotContext): Promise<GateSlot> {
  const until = payloadOf(stored.jws, gateRecord).exp;
  return {
    stored,
    machine: await held(verifyGateRecord(stored.jws, { ...context, now: Math.min(context.now, until - 1) })),
    until,
  };
}

export type SlotContext = RecordContext;

/** What a record says, unverified. */
export function payloadOf<T>(jws: string, schema: z.ZodType<T>): T {
  const text = fromUtf8(fromBase64Url(jws.split(".")[1] ?? "", "record"), "record");
  return parse(schema, parseJson(text, { place: "record" }), "record", "bad_record");
}

async function held<V>(verified: Promise<V>): Promise<V | null> {
  try {
    return await verified;
  } catch (error) {
    if (error instanceof GhostError) return null;
    throw error;
  }
}
