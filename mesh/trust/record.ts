/**
 * Node records, checked: what a machine says of itself against what the ledger says of it. The coordinator does this at the
 * door, and every peer and gate again before it configures or forwards anything.
 *
 * Not checked here, because it needs more than one record: that `seq` grows, and that no two nodes hold one name, one IPv4
 * address or one WireGuard key (a record does not prove that its node holds the WireGuard key: first seen keeps it).
 */
import { GhostError } from "../wire/errors.ts";
import { NODE_TYP, type NodeRecord, nodeRecord } from "../wire/record.ts";
import { parse } from "../wire/schema.ts";
import { ipv4Counter, ipv6Of } from "./address.ts";
import { type Admission, verifyAdmission } from "./admission/mod.ts";
import { signJws, verifyJws } from "./jws.ts";
import { keyEnd } from "./key_expiry.ts";
import { checkBoxKey, nodeIdOf, type SigningKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { membershipEnd } from "./membership.ts";
import { contains, readPrefix } from "./prefix.ts";
import { badRecord, checkStatement, MAX_RECORD, type RecordContext } from "./statement.ts";

export { signGateRecord, type VerifiedGate, verifyGateRecord } from "./gate_record.ts";
export { MAX_RECORD, type RecordContext } from "./statement.ts";

/** What a machine does whose key was revoked: it can only come back with another one. */
export const REVOKED_MEND = "ghostctl leave --yes --forget-keys, then ghostctl join --auth TOKEN with a new token";

/** A node whose record holds. */
export interface VerifiedNode {
  id: string;
  /** Identity key. */
  key: string;
  /** The record as received. */
  jws: string;
  record: NodeRecord;
  admission: Admission;
  /** The name in effect: a `node` entry's, else the record's; the id when that one was given to another node. */
  name: string;
  /** The tags in effect: a `node` entry's, else the record's, else those of the admission. */
  tags: string[];
  user: string | null;
  /** Who the user is for the identity provider, and the groups there. */
  subject: string | null;
  groups: string[];
}

/** Signs a node's statement about itself. */
export async function signNodeRecord(record: NodeRecord, key: SigningKey): Promise<string> {
  return await signJws(parse(nodeRecord, record, "record", "bad_record"), { typ: NODE_TYP, key });
}

/**
 * What a node says of itself: its signature holds, but nothing says that it belongs to the network.
 * @throws GhostError `bad_signature`, `bad_record`, `too_large`
 */
export async function readNodeRecord(jws: string): Promise<{ id: string; key: string; record: NodeRecord }> {
  const { key, payload } = await verifyJws(jws, { typ: NODE_TYP, max: MAX_RECORD, place: "record" });
  return { id: await nodeIdOf(key), key, record: parse(nodeRecord, payload, "record", "bad_record") };
}

/**
 * Checks a node record in every respect that the ledger and the clock decide.
 * @throws GhostError `bad_signature`, `bad_record`, `wrong_network`, `clock_skew`, `revoked`, `address_taken`, and what
 * verifyAdmission throws
 */
export async function verifyNodeRecord(jws: string, context: RecordContext): Promise<VerifiedNode> {
  const { ledger, now } = context;
  const { id, key, record } = await readNodeRecord(jws);
  checkStatement(record, { ledger, now });
  if (ledger.isRevoked("node", key)) {
    throw new GhostError("revoked", "This node was revoked", { place: "record", mend: REVOKED_MEND });
  }
  const settings = ledger.nodeSettings(id);
  const over = membershipEnd(settings, now);
  if (over !== null) throw over;
  const admission = await verifyAdmission(record.proof, { ...context, key, iat: record.iat });
  if (admission.gate) {
    const mend = "make one for machines with: ghostctl token create";
    throw new GhostError("not_admitted", "The token admits gates only", { place: "record.proof", mend });
  }
  checkKeys(record);
  await checkAddresses(record, id, ledger);
  checkRoutes(record.routes, admission.prefixes);
  const tags = settings?.tags ?? tagsOf(record.tags, admission.tags);
  // An end that an admin has set for this very machine stands above what the policy says of all.
  if (settings?.expires === undefined) admission.expires = keyEnd(admission, { ...context, tags });
  const { user, subject, groups } = admission;
  return { id, key, jws, record, admission, name: nameOf(record.name, id, ledger), tags, user, subject, groups };
}

function checkKeys(record: NodeRecord): void {
  checkBoxKey(record.wg, "record.wg");
  if (record.wgNext !== undefined) checkBoxKey(record.wgNext, "record.wgNext");
  checkBoxKey(record.seal, "record.seal");
}

async function checkAddresses(record: NodeRecord, id: string, ledger: Ledger): Promise<void> {
  const { id: net, ipv4: range } = ledger.network;
  const ipv6 = await ipv6Of(net, id);
  if (record.ipv6 !== ipv6) throw badRecord(`Expected ${ipv6}, found ${record.ipv6}`, "record.ipv6");
  const { ipv4 } = record;
  if (ipv4 === null) return;
  const given = ledger.nodeSettings(id)?.ipv4;
  if (given !== undefined) {
    if (ipv4 === given) return;
    throw badRecord(`An admin gave this node the address ${given}, found ${ipv4}`, "record.ipv4");
  }
  if (await ipv4Counter(net, id, ipv4, range) === null) {
    throw badRecord(`${ipv4} is not one of this node's addresses`, "record.ipv4");
  }
  if (ledger.holderOf("ipv4", ipv4) !== undefined) {
    throw new GhostError("address_taken", `An admin gave ${ipv4} to another node`, { place: "record.ipv4" });
  }
}

function checkRoutes(routes: string[], granted: string[]): void {
  const allowed = granted.map((p) => readPrefix(p, { place: "record.proof", code: "bad_record" }));
  for (const [i, text] of routes.entries()) {
    const place = `record.routes[${i}]`;
    const prefix = readPrefix(text, { place, code: "bad_record" });
    if (allowed.length > 0 && !allowed.some((p) => contains(p, prefix))) {
      throw new GhostError("not_admitted", `Its admission does not allow a route for ${text}`, { place });
    }
  }
}

function tagsOf(claimed: string[], granted: string[]): string[] {
  if (claimed.length === 0) return granted;
  const i = claimed.findIndex((tag) => !granted.includes(tag));
  if (i >= 0) {
    throw new GhostError("not_admitted", `Its admission does not give "${claimed[i]}"`, { place: `record.tags[${i}]` });
  }
  return claimed;
}

function nameOf(claimed: string, id: string, ledger: Ledger): string {
  const given = ledger.nodeSettings(id)?.name;
  if (given !== undefined) return given;
  return ledger.holderOf("name", claimed) === undefined ? claimed : id;
}
