/**
 * The one way a network's state changes. Every accepted change replaces the head by compare-and-set and appends its feed
 * items in the same atomic, so the feed has one order without gaps, whatever number of instances write, and nothing is
 * acknowledged that is not in it. The head is also what streams watch.
 *
 * Within a process changes queue up, because racing for one key would make n parallel changes cost n² tries; between
 * processes the compare-and-set decides, in a bounded number of tries.
 */
import { GhostError } from "../wire/errors.ts";
import type { LedgerHead } from "../wire/ledger.ts";
import { keys } from "./keys.ts";

/** Feed items kept; a reader whose cursor is older gets a new snapshot. */
export const FEED_KEPT = 20_000;
const MAX_TRIES = 100;

/** A network's newest feed sequence and ledger entry. */
export interface Head {
  seq: number;
  ledger: LedgerHead;
}

/** How far a new record differs from the one before: not for policy (`same`), or in what policy selects by. */
export type Change = "new" | "same" | "selectors" | "gone";

/** What happened; the contents are found under the item's own keys and may be newer than the item. */
export type FeedItem =
  /** `touches` are the nodes whose visibility it may change. */
  | { t: "ledger"; seq: number; touches: "nobody" | "everybody" | string[] }
  | { t: "node"; id: string; change: Change }
  | { t: "gate"; id: string }
  | { t: "mail"; to: string };

/** A change that one attempt proposes. */
export interface Proposal<T> {
  items: FeedItem[];
  /** The ledger's new head, when it grows. */
  ledger?: LedgerHead;
  /** Adds checks and writes; `first` is the sequence of the first item. */
  write(op: Deno.AtomicOperation, first: number): void;
  result: T;
}

const queues = new WeakMap<Deno.Kv, Promise<unknown>>();

/**
 * Commits what `attempt` proposes for the head that it is given; it is called again when somebody else was faster. To
 * change nothing it gives `{ result }` alone, to refuse it throws.
 * @throws GhostError `too_many` when others were faster every time
 */
export async function commit<T>(
  kv: Deno.Kv,
  net: string,
  attempt: (head: Head) => Promise<Proposal<T> | { result: T }>,
): Promise<T> {
  const before = queues.get(kv) ?? Promise.resolve();
  const mine = before.then(() => tryCommit(kv, net, attempt));
  queues.set(kv, mine.catch(() => {}));
  return await mine;
}

async function tryCommit<T>(
  kv: Deno.Kv,
  net: string,
  attempt: (head: Head) => Promise<Proposal<T> | { result: T }>,
): Promise<T> {
  for (let n = 0; n < MAX_TRIES; n++) {
    const entry = await kv.get<Head>(keys.head(net));
    if (entry.value === null) throw new GhostError("not_claimed", "This coordinator has no such network");
    const head = entry.value;
    const proposal = await attempt(head);
    if (!("items" in proposal)) return proposal.result;
    const op = kv.atomic().check(entry);
    proposal.write(op, head.seq + 1);
    appendItems(op, net, { after: head.seq, items: proposal.items });
    const next: Head = { seq: head.seq + proposal.items.length, ledger: proposal.ledger ?? head.ledger };
    op.set(keys.head(net), next);
    if ((await op.commit()).ok) return proposal.result;
  }
  throw new GhostError("too_many", "Too many changes at once", { mend: "try again in a moment" });
}

/** Adds feed items to an atomic, and takes as many old ones away. */
export function appendItems(
  op: Deno.AtomicOperation,
  net: string,
  { after, items }: { after: number; items: readonly FeedItem[] },
): void {
  items.forEach((item, i) => {
    const seq = after + 1 + i;
    op.set(keys.feed(net, seq), item);
    if (seq > FEED_KEPT) op.delete(keys.feed(net, seq - FEED_KEPT));
  });
}
