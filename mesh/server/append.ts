/**
 * Appending to the ledger. Entries are tried on a copy of the chain first, because an instance's view must never hold what
 * the store has not accepted. The copy is made at the first append and follows the view from then on.
 */
import { InTurn } from "../wire/in_turn.ts";
import { MAX_CLOCK_SKEW } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import type { LedgerEntry, LedgerHead } from "../wire/ledger.ts";
import { issuerSigners, readSigned, runPolicyTests } from "../policy/mod.ts";
import { appendLedger, type NewEntry } from "../store/mod.ts";
import { Ledger } from "../trust/ledger.ts";
import type { Replica } from "./replica.ts";
import { entryOf, toNewEntry } from "./touch.ts";

export class Appender {
  readonly #kv: Deno.Kv;
  readonly #replica: Replica;
  readonly #now: () => number;
  #copy: Ledger | null = null;
  readonly #turns = new InTurn();

  /** `now` is in milliseconds. */
  constructor(kv: Deno.Kv, replica: Replica, now: () => number) {
    this.#kv = kv;
    this.#replica = replica;
    this.#now = now;
  }

  /**
   * Verifies and appends, all or nothing; entries that are the ledger's newest already change nothing.
   * @throws GhostError `ledger_moved` when they do not continue the chain, and what verifying them throws
   */
  async append(entries: readonly string[]): Promise<LedgerHead> {
    return await this.#turns.run(() => this.#append(entries));
  }

  async #append(entries: readonly string[]): Promise<LedgerHead> {
    const { ledger } = await this.#replica.refresh();
    const known = ledger.entries.lastIndexOf(entries[0]!);
    if (known >= 0 && entries.every((jws, i) => ledger.at(known + i) === jws)) return ledger.head;
    const copy = await this.#following(ledger);
    const base = copy.head;
    this.#copy = null; // it is of use again only when everything went well
    const fresh: NewEntry[] = [];
    for (const jws of entries) fresh.push(await tryEntry(copy, jws, this.#now()));
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

async function tryEntry(copy: Ledger, jws: string, now: number): Promise<NewEntry> {
  const entry = await toNewEntry(jws, copy);
  try {
    checkAtDoor(await copy.append(jws), now);
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

/**
 * What only the door refuses: a policy that this version cannot enforce, and an entry from the future. No entry may be dated
 * long before its predecessor, so one admin's wrong clock would keep all others from signing.
 */
function checkAtDoor(entry: LedgerEntry, now: number): void {
  const ahead = entry.iat - Math.floor(now / 1000);
  if (ahead > MAX_CLOCK_SKEW) {
    throw new GhostError("clock_skew", `Signed ${ahead} s in the future`, {
      place: "entry.iat",
      mend: "set the clock of the machine that signed it, or the coordinator's",
    });
  }
  if (entry.kind !== "policy") return;
  runPolicyTests(readSigned(entry.body));
}

/**
 * A network's first entries, verified: genesis, then what follows.
 * @param now in milliseconds
 * @throws GhostError as `Ledger.open`, `clock_skew`, and for a policy that can't be enforced
 */
export async function firstEntries(
  entries: readonly string[],
  now: number,
): Promise<{ ledger: Ledger; fresh: NewEntry[] }> {
  const ledger = await Ledger.open([...entries], { issuerSigners });
  const fresh: NewEntry[] = [];
  for (const jws of entries) {
    checkAtDoor(entryOf(jws), now);
    fresh.push(await toNewEntry(jws, null));
  }
  return { ledger, fresh };
}
