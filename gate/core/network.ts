/** The sessions of one network: who is here, and who wants to know. Nothing crosses from one of these to another. */
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import { Directory } from "./directory.ts";
import type { Session } from "./session.ts";

export class Network {
  readonly id: string;
  readonly members: Directory<Session> = new Directory();
  head: LedgerHead;
  #watchers = new Map<string, Set<Session>>();

  constructor(id: string, head: LedgerHead) {
    this.id = id;
    this.head = head;
  }

  watchersOf(node: string): Iterable<Session> {
    return this.#watchers.get(node) ?? [];
  }

  /** Replaces what a session watches. */
  watch(session: Session, nodes: Iterable<string>): void {
    for (const node of session.watched) {
      const set = this.#watchers.get(node);
      set?.delete(session);
      if (set?.size === 0) this.#watchers.delete(node);
    }
    session.watched = new Set(nodes);
    for (const node of session.watched) {
      const set = this.#watchers.get(node);
      if (set) set.add(session);
      else this.#watchers.set(node, new Set([session]));
    }
  }
}
