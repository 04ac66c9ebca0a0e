/**
 * Node and gate records in the store, and what each machine holds alone: its name, its IPv4 address, its WireGuard keys.
 * Whoever publishes has verified the record against the ledger head that it names; if the ledger has moved on since, it
 * verifies again, because the new entry may be a revocation.
 */
import { GhostError } from "../wire/errors.ts";
import { type Change, commit, type Proposal } from "./commit.ts";
import { type IndexKind, keys, type MachineKind } from "./keys.ts";

/** Longest record, in characters: it must fit into one value here and into one message of a gate session. */
export const MAX_RECORD = 48 * 1024;

/** A name, an address or a key that one machine holds alone. */
export interface Holding {
  kind: IndexKind;
  value: string;
}

/** A machine's record in the store. */
export interface StoredRecord {
  id: string;
  key: string;
  /** The grant that admitted it, null for other ways in. */
  grant: string | null;
  seq: number;
  jws: string;
  holds: Holding[];
  /** What policy selects by, as one text; empty for gates. */
  selectors: string;
  /** Seconds after which what it holds is free again; null for machines that keep it until they are revoked. */
  lapses: number | null;
}

/** A verified record that wants in. */
export interface NewRecord extends StoredRecord {
  kind: MachineKind;
  /** How many identities its grant may admit in all, and until when (seconds); null is no limit. */
  limits: { uses: number | null; expires: number | null };
}

export interface PublishOptions {
  record: NewRecord;
  /** Hash of the ledger entry up to which the record was verified. */
  ledger: string;
  /** Seconds since 1970. */
  now: number;
  /** Whether a node has lost, or never had, what an index says it holds; `holder` is its record, null when it has none. */
  isFree(holding: Holding, id: string, holder: StoredRecord | null): boolean;
}

/**
 * Takes in a record. `moved` asks the caller to verify against the newer ledger; `unchanged` is the same record again.
 * @throws GhostError `stale_record`, `token_used_up`, `token_expired`, `name_taken`, `address_taken`, `bad_record`
 */
export async function publishRecord(
  kv: Deno.Kv,
  net: string,
  options: PublishOptions,
): Promise<Outcome> {
  const { record, ledger } = options;
  if (record.jws.length > MAX_RECORD) {
    throw new GhostError("too_large", `A record has at most ${MAX_RECORD} characters`, { place: "record" });
  }
  return await commit(kv, net, async (head) => {
    if (head.ledger.hash !== ledger) return { result: "moved" };
    return await propose(kv, net, options);
  });
}

type Outcome = "published" | "unchanged" | "moved";

async function propose(
  kv: Deno.Kv,
  net: string,
  o: PublishOptions,
): Promise<Proposal<Outcome> | { result: Outcome }> {
  const { kind, limits, ...fields } = o.record;
  const id = keys.machine(net, kind, fields.id);
  const old = await kv.get<StoredRecord>(id);
  if (old.value !== null) {
    if (old.value.jws === fields.jws) return { result: "unchanged" };
    if (fields.seq <= old.value.seq) throw stale(fields.seq, old.value.seq);
  }
  const use = fields.grant === null
    ? null
    : await countUse(kv, net, { ...fields, grant: fields.grant, limits, now: o.now });
  const claims = await claimHoldings(kv, net, o, old.value);
  const change: Change = old.value === null ? "new" : old.value.selectors === fields.selectors ? "same" : "selectors";
  return {
    items: [kind === "node" ? { t: "node", id: fields.id, change } : { t: "gate", id: fields.id }],
    write(op) {
      op.check(old).set(id, fields satisfies StoredRecord);
      use?.(op);
      for (const claim of claims) claim(op);
    },
    result: "published",
  };
}

type Write = (op: Deno.AtomicOperation) => void;

function stale(seq: number, newest: number): GhostError {
  return new GhostError("stale_record", `This record's number ${seq} is not above ${newest}, the newest one's`, {
    place: "record.seq",
    mend: "sign a record with a higher number",
  });
}

/** Counts an identity once per grant. An identity that has been counted comes back after the grant has expired or is used up. */
async function countUse(
  kv: Deno.Kv,
  net: string,
  { grant, key, limits, now }: { grant: string; key: string; limits: NewRecord["limits"]; now: number },
): Promise<Write | null> {
  const [used, uses] = await kv.getMany<[1, number]>([keys.used(net, grant, key), keys.uses(net, grant)]);
  if (used.value !== null) return null;
  if (limits.expires !== null && now > limits.expires) {
    throw new GhostError(
      "token_expired",
      `The join token expired at ${new Date(limits.expires * 1000).toISOString()}`,
      {
        mend: "make a new one with: ghostctl token create",
      },
    );
  }
  const count = uses.value ?? 0;
  if (limits.uses !== null && count >= limits.uses) {
    const all = limits.uses === 1 ? "the one machine" : `all ${limits.uses} machines`;
    throw new GhostError("token_used_up", `The join token has admitted ${all} that it may`, {
      mend: "make a new one with: ghostctl token create",
    });
  }
  return (op) => op.check(used).check(uses).set(used.key, 1).set(uses.key, count + 1);
}

/** Takes what the record holds, and lets go of what the one before held and this one does not. */
async function claimHoldings(
  kv: Deno.Kv,
  net: string,
  { record, isFree }: PublishOptions,
  old: StoredRecord | null,
): Promise<Write[]> {
  const writes: Write[] = [];
  for (const holding of record.holds) {
    const entry = await kv.get<string>(keys.index(net, holding.kind, holding.value));
    if (entry.value !== null && entry.value !== record.id) {
      const holder = await kv.get<StoredRecord>(keys.machine(net, "node", entry.value));
      if (!isFree(holding, entry.value, holder.value)) throw taken(holding);
    }
    writes.push((op) => op.check(entry).set(entry.key, record.id));
  }
  const kept = new Set(record.holds.map((h) => `${h.kind} ${h.value}`));
  for (const holding of old?.holds ?? []) {
    if (kept.has(`${holding.kind} ${holding.value}`)) continue;
    const entry = await kv.get<string>(keys.index(net, holding.kind, holding.value));
    if (entry.value === record.id) writes.push((op) => op.check(entry).delete(entry.key));
  }
  return writes;
}

function taken({ kind, value }: Holding): GhostError {
  switch (kind) {
    case "name":
      return new GhostError("name_taken", `Another machine of this network is named "${value}"`, {
        place: "record.name",
        mend: "choose another with --name",
      });
    case "ipv4":
      return new GhostError("address_taken", `${value} is another machine's address`, {
        place: "record.ipv4",
        mend: "take the next counter's address",
      });
    case "wg":
      return new GhostError("bad_record", "Another machine has announced this WireGuard key", {
        place: "record.wg",
        mend: "make a new key",
      });
  }
}

/**
 * Forgets machines that have lapsed (an ephemeral node long past its record's end) and frees what they held.
 */
export async function removeLapsed(
  kv: Deno.Kv,
  net: string,
  { ids, now }: { ids: readonly string[]; now: number },
): Promise<void> {
  for (const id of ids) {
    await commit<void>(kv, net, async () => {
      const entry = await kv.get<StoredRecord>(keys.machine(net, "node", id));
      const record = entry.value;
      if (record === null || record.lapses === null || record.lapses >= now) return { result: undefined };
      const held: Deno.KvEntryMaybe<string>[] = [];
      for (const h of record.holds) held.push(await kv.get<string>(keys.index(net, h.kind, h.value)));
      return {
        items: [{ t: "node", id, change: "gone" }],
        write(op) {
          op.check(entry).delete(entry.key);
          for (const h of held) if (h.value === id) op.check(h).delete(h.key);
        },
        result: undefined,
      };
    });
  }
}

/** One machine's record, null when there is none. */
export async function readMachine(
  kv: Deno.Kv,
  net: string,
  { kind, id }: { kind: MachineKind; id: string },
): Promise<StoredRecord | null> {
  return (await kv.get<StoredRecord>(keys.machine(net, kind, id))).value;
}

/** All machines of a kind. */
export async function* readMachines(
  kv: Deno.Kv,
  net: string,
  kind: MachineKind,
): AsyncGenerator<StoredRecord, void, undefined> {
  const all = kv.list<StoredRecord>({ prefix: keys.machines(net, kind) }, { batchSize: 500 });
  for await (const { value } of all) yield value;
}
