/** Ledger entries in the store. Whoever appends has verified them against the chain up to the head that it names. */
import { GhostError } from "../wire/errors.ts";
import type { LedgerHead } from "../wire/ledger.ts";
import { commit, type FeedItem } from "./commit.ts";
import { type IndexKind, keys } from "./keys.ts";
import { CHUNK, getText, putText, type StoredText } from "./text.ts";

/** What all entries of one atomic may hold in their values, in characters; the rest goes to chunks. */
const INLINE_TOTAL = 400 * 1024;

/** A verified entry that is about to be stored. */
export interface NewEntry {
  jws: string;
  /** The nodes whose visibility it may change. */
  touches: "nobody" | "everybody" | string[];
  /** Names and addresses that it settles for a node, whoever held them. */
  settles: { kind: IndexKind; value: string; node: string }[];
}

/** Texts of several entries, prepared for one atomic. */
export async function putEntries(kv: Deno.Kv, net: string, entries: readonly NewEntry[]): Promise<StoredText[]> {
  const inline = Math.min(CHUNK, Math.floor(INLINE_TOTAL / entries.length));
  return await Promise.all(entries.map(({ jws }) => putText(kv, net, { text: jws, inline })));
}

/** Adds entries from sequence `first` on, and what they settle, to an atomic. */
export function writeEntries(
  op: Deno.AtomicOperation,
  net: string,
  { first, entries, texts }: { first: number; entries: readonly NewEntry[]; texts: readonly StoredText[] },
): void {
  entries.forEach((entry, i) => {
    op.check({ key: keys.ledger(net, first + i), versionstamp: null });
    op.set(keys.ledger(net, first + i), texts[i]);
    for (const s of entry.settles) op.set(keys.index(net, s.kind, s.value), s.node);
  });
}

/** The feed items of entries from sequence `first` on. */
export function entryItems(first: number, entries: readonly NewEntry[]): FeedItem[] {
  return entries.map((entry, i) => ({ t: "ledger", seq: first + i, touches: entry.touches }));
}

/**
 * Appends entries that follow `base`; their last one is `next`.
 * @throws GhostError `ledger_moved` when the head is no longer `base`
 */
export async function appendLedger(
  kv: Deno.Kv,
  net: string,
  { base, next, entries }: { base: LedgerHead; next: LedgerHead; entries: readonly NewEntry[] },
): Promise<void> {
  const texts = await putEntries(kv, net, entries);
  const first = base.seq + 1;
  await commit(kv, net, (head) => {
    if (head.ledger.hash !== base.hash) {
      throw new GhostError("ledger_moved", `The ledger has moved on to entry ${head.ledger.seq}`, {
        mend: "fetch the new entries, then sign again",
      });
    }
    return Promise.resolve({
      items: entryItems(first, entries),
      ledger: next,
      write: (op) => writeEntries(op, net, { first, entries, texts }),
      result: undefined,
    });
  });
}

/** Entries `from` up to and with `upto`, as received. */
export async function readLedger(
  kv: Deno.Kv,
  net: string,
  { from, upto }: { from: number; upto: number },
): Promise<string[]> {
  const out: string[] = [];
  if (from > upto) return out;
  const range = { start: keys.ledger(net, from), end: keys.ledger(net, upto + 1) };
  for await (const entry of kv.list<StoredText>(range, { batchSize: 500 })) {
    out.push(await getText(kv, net, entry.value));
  }
  if (out.length !== upto - from + 1) throw new GhostError("internal", "The store lacks ledger entries");
  return out;
}
