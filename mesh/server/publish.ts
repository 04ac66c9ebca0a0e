/** Taking in records at the door: what every peer checks again, and what only the door can: uses, names, addresses. */
import { type AdmissionProof, nodeRecord } from "../wire/record.ts";
import { GhostError } from "../wire/errors.ts";
import { type Holding, type NewRecord, publishRecord, removeLapsed, type StoredRecord } from "../store/mod.ts";
import type { Ledger } from "../trust/ledger.ts";
import type { RecordContext, VerifiedGate, VerifiedNode } from "../trust/record.ts";
import { verifyGateRecord, verifyNodeRecord } from "../trust/record.ts";
import { type Ctx, seconds } from "./context.ts";
import { useOnce } from "./middleware/caller.ts";
import { checkShown } from "./shown.ts";
import { payloadOf } from "./slots.ts";
import { selectorsOf } from "./view.ts";

/** Times that a record is verified anew because the ledger moved on meanwhile. */
const MAX_TRIES = 20;
/** Seconds that an ephemeral node's name and address outlive its record, for one that is only late. */
const LAPSE = 3600;
/** Lapsed nodes that are cleared away per record that comes in. */
const CLEAR = 4;

/** Takes in the caller's own node record. @throws GhostError for everything that the contract names */
export async function publishNode(c: Ctx, jws: string): Promise<{ id: string; head: Ledger["head"] }> {
  const { deps, network, view, caller } = c.var;
  const { proof } = payloadOf(jws, nodeRecord);
  const before = view.nodes.get(caller.id)?.stored.jws;
  // A proof that was let in once is not asked again whether it is new: records are renewed long after log-ins were made.
  const back = before === undefined && seconds(deps) < network.recoverUntil;
  const fresh = !back &&
    (before === undefined || JSON.stringify(payloadOf(before, nodeRecord).proof) !== JSON.stringify(proof));
  if (fresh) {
    checkMethod(proof.kind, deps.config.authMethods);
    checkShown(proof, c.env?.client);
  }
  await network.replica.learnKeys(jws, view.admit);
  const verify = (text: string, context: RecordContext) => verifyNodeRecord(text, { ...context, fresh });
  const answer = await publish(c, jws, { verify, toRecord: nodeFields });
  const now = seconds(deps);
  const lapsed: string[] = [];
  for (const { stored } of view.nodes.values()) {
    if (stored.lapses !== null && stored.lapses < now && lapsed.length < CLEAR) lapsed.push(stored.id);
  }
  await removeLapsed(deps.kv, network.net, { ids: lapsed, now });
  return answer;
}

/** Takes in the caller's own gate record. */
export async function publishGate(c: Ctx, jws: string): Promise<{ id: string; head: Ledger["head"] }> {
  return await publish(c, jws, { verify: verifyGateRecord, toRecord: gateFields });
}

type Fields = Pick<NewRecord, "kind" | "holds" | "selectors" | "lapses">;

interface Kind<V> {
  verify(jws: string, context: RecordContext): Promise<V>;
  toRecord(verified: V, ledger: Ledger): Fields;
}

async function publish<V extends VerifiedNode | VerifiedGate>(
  c: Ctx,
  jws: string,
  kind: Kind<V>,
): Promise<{ id: string; head: Ledger["head"] }> {
  const { deps, network, caller } = c.var;
  for (let n = 0; n < MAX_TRIES; n++) {
    const view = n === 0 ? c.var.view : await network.replica.refresh();
    const { ledger } = view;
    const now = seconds(deps);
    const base = ledger.head.hash; // before verifying: the ledger may grow meanwhile
    const verified = await kind.verify(jws, network.replica.contextOf(view));
    if (verified.key !== caller.key) {
      throw new GhostError("forbidden", "A record is published by the key that signed it", { place: "record" });
    }
    if (n === 0) await useOnce(c);
    const { admission } = verified;
    const grant = admission.grant === null ? undefined : ledger.grant(admission.grant);
    const result = await publishRecord(deps.kv, network.net, {
      record: {
        id: verified.id,
        key: verified.key,
        grant: admission.grant,
        seq: verified.record.seq,
        jws,
        limits: { uses: grant?.uses ?? null, expires: now < network.recoverUntil ? null : grant?.expires ?? null },
        ...kind.toRecord(verified, ledger),
      },
      ledger: base,
      now,
      isFree: (holding, id, holder) => isFree(ledger, { holding, id, holder, now }),
    });
    if (result !== "moved") return { id: verified.id, head: ledger.head };
  }
  throw new GhostError("too_many", "The ledger changes too fast", { mend: "try again in a moment" });
}

/** Without a token one gets in only as the operator has set up; tokens are the admins' business alone. */
function checkMethod(kind: AdmissionProof["kind"], methods: readonly string[]): void {
  const method = { token: null, oidc: "oidc", x509: "mtls" }[kind];
  if (method === null || methods.includes(method)) return;
  throw new GhostError("not_admitted", `This coordinator lets nobody in by ${method}`, {
    place: "record.proof",
    mend: `open here: ${methods.join(", ") || "join tokens"}; the operator can add it to auth_method`,
  });
}

function nodeFields(node: VerifiedNode, ledger: Ledger): Fields {
  const { record, name, admission } = node;
  if (name !== record.name && ledger.nodeSettings(node.id)?.name === undefined) {
    throw new GhostError("name_taken", `An admin gave the name "${record.name}" to another machine`, {
      place: "record.name",
      mend: "choose another with --name",
    });
  }
  const holds: Holding[] = [{ kind: "name", value: name }];
  if (record.ipv4 !== null) holds.push({ kind: "ipv4", value: record.ipv4 });
  for (const key of new Set([record.wg, record.wgNext])) if (key !== undefined) holds.push({ kind: "wg", value: key });
  const lapses = admission.ephemeral ? record.exp + LAPSE : null;
  return { kind: "node", holds, selectors: selectorsOf(node), lapses };
}

function gateFields(): Fields {
  return { kind: "gate", holds: [], selectors: "", lapses: null };
}

interface Claimed {
  holding: Holding;
  id: string;
  holder: StoredRecord | null;
  now: number;
}

/** First come, first served, until an admin settles it, the holder is revoked, or an ephemeral holder has lapsed. */
function isFree(ledger: Ledger, { holding, id, holder, now }: Claimed): boolean {
  const { kind, value } = holding;
  if (kind !== "wg" && ledger.holderOf(kind, value) === id) return false;
  if (holder === null || !holder.holds.some((h) => h.kind === kind && h.value === value)) return true;
  if (holder.lapses !== null && holder.lapses < now) return true;
  return ledger.isRevoked("node", holder.key) ||
    (holder.grant !== null && ledger.isRevoked("grant", holder.grant) && ledger.nodeSettings(holder.id) === undefined);
}
