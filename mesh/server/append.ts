/**
 * Appending to the ledger. Entries are tried on a copy of the chain first, because an instance's view must never hold what
 * the store has not accepted. The copy is made at the first append and follows the view from then on.
 */
import { GhostError } from "../wire/errors.ts";
import type { LedgerEntry, LedgerHead } from "../wire/ledger.ts";
import { issuerSigners, parsePolicy } from "../policy/mod.ts";
import { appendLedger, type NewEntry } from "../store/mod.ts";
import { Ledger } from "../trust/ledger.ts";
import type { Replica } from "./replica.ts";
import { entryOf, toNewEntry } from "./touch.ts";

export class Appender {
  readonly #kv: Deno.Kv;
  readonly #replica: Replica;
  #copy: Ledger | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(kv: Deno.Kv, replica: Replica) {
    this.#kv = kv;
    this.#replica = replica;
  }

  /**
   * Verifies and appends, all or nothing; entries that are the ledger's newest already change nothing.
   * @throws GhostError `ledger_moved` when they do not continue the chain, and what verifying them throws
   */
  async append(entries: readonly string[]): Promise<LedgerHead> {
    const mine = this.#queue.then(() => this.#append(entries));
    this.#queue = mine.catch(() => {});
    return await mine;
  }

  async #append(entries: readonly string[]): Promise<LedgerHead> {
    const { ledger } = await this.#replica.refresh();
    const known = ledger.entries.lastIndexOf(entries[0]!);
    if (known >= 0 && entries.every((jws, i) => ledger.at(known + i) === jws)) return ledger.head;
    const copy = await this.#following(ledger);
    const base = copy.head;
    this.#copy = null; // it is of use again only when everything went well
    const fresh: NewEntry[] = [];
    for (const jws of entries) fresh.push(await tryEntry(copy, jws));
    await appendLedger(this.#kv, this.#replica.net, { base, next: copy.head, entries: fresh });
    this.#copy = copy;
    return copy.head;
  }

  async #following(ledger: Ledger): Promise<Ledger> {
    const copy = this.#copy;
    const { seq } = ledger.head;
    if (copy === null || copy.head.seq > seq || copy.head.hash !== ledger.hashAt(copy.head.seq)) {
      return await Ledger.open([...ledger.entries], {
        net: ledger.network.id,
        checked: ledger.head,
        issuerSigners,
      });
    }
    for (let at = copy.head.seq + 1; at <= seq; at++) await copy.append(ledger.at(at)!);
    return copy;
  }
}

async function tryEntry(copy: Ledger, jws: string): Promise<NewEntry> {
  const entry = await toNewEntry(jws, copy);
  try {
    checkPolicyEntry(await copy.append(jws));
  } catch (error) {
    // For a coordinator, which never showed the second entry to anybody, it is a race between two admins.
    if (error instanceof GhostError && error.code === "ledger_fork") {
      throw new GhostError("ledger_moved", `The ledger has moved on to entry ${copy.head.seq}`, {
        mend: "fetch the new entries, then sign again",
        cause: error,
      });
    }
    throw error;
  }
  return entry;
}

/** A policy that this version cannot enforce is refused at the door. */
function checkPolicyEntry(entry: LedgerEntry): void {
  if (entry.kind !== "policy") return;
  if (entry.body.format !== "toml") {
    throw new GhostError("not_supported", "A computed policy: this version cannot enforce it", {
      place: "entry.body.format",
      mend: "push a TOML policy",
    });
  }
  parsePolicy(entry.body.source, { files: entry.body.files ?? {} });
}

/**
 * A network's first entries, verified: genesis, then what follows.
 * @throws GhostError as `Ledger.open`, and for a policy that can't be enforced
 */
export async function firstEntries(entries: readonly string[]): Promise<{ ledger: Ledger; fresh: NewEntry[] }> {
  const ledger = await Ledger.open([...entries], { issuerSigners });
  const fresh: NewEntry[] = [];
  for (const jws of entries) {
    checkPolicyEntry(entryOf(jws));
    fresh.push(await toNewEntry(jws, null));
  }
  return { ledger, fresh };
}
