/**
 * A network as its admin sees it: the ledger, fetched and verified from genesis, never older than what was seen before; and
 * changes to it, signed here.
 */
import { MeshClient } from "../../mesh/client/mesh_client.ts";
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { type VerifiedNode, verifyNodeRecord } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody, LedgerKind } from "../../mesh/wire/ledger.ts";
import type { Call } from "../call.ts";
import { random, unixTime } from "./host.ts";
import { type KnownNetwork, NetworkStore } from "./store.ts";

/** Times that a change is signed anew because somebody was faster. */
const ATTEMPTS = 5;

/** A ledger entry to be signed. */
export type Draft = { [K in LedgerKind]: { kind: K; body: LedgerBody<K> } }[LedgerKind];

/** How a change ended. */
export interface Changed {
  /** With the change, if there was any. */
  ledger: Ledger;
  changed: boolean;
}

export class AdminNetwork {
  readonly known: KnownNetwork;
  readonly client: MeshClient;
  readonly #store: NetworkStore;

  constructor(known: KnownNetwork, store: NetworkStore) {
    this.known = known;
    this.#store = store;
    this.client = new MeshClient({
      server: known.server,
      ca: known.ca,
      net: known.network.id,
      key: known.admin,
      now: () => Date.now(),
      random,
    });
  }

  /** The network that the command line means. */
  static async open(call: Call): Promise<AdminNetwork> {
    const store = await NetworkStore.open(call);
    return new AdminNetwork(await store.choose(call.text("network")), store);
  }

  /**
   * The newest ledger.
   * @throws GhostError `ledger_rollback`, `ledger_fork` when the coordinator's history is not the one seen before
   */
  async ledger(o: { signal?: AbortSignal } = {}): Promise<Ledger> {
    const entries: string[] = [];
    for (;;) {
      const page = await this.client.ledger(entries.length, o);
      entries.push(...page.entries);
      if (page.entries.length === 0 || entries.length > page.head.seq) break;
    }
    const ledger = await Ledger.open(entries, { net: this.known.network.id });
    const { head } = this.known;
    if (ledger.head.seq < head.seq) {
      throw new GhostError(
        "ledger_rollback",
        `The coordinator shows entry ${ledger.head.seq}, but ${head.seq} is known`,
        {
          place: this.known.server,
          mend: "it may have been restored from an old copy; nothing was changed",
        },
      );
    }
    if (ledger.hashAt(head.seq) !== head.hash) {
      throw new GhostError("ledger_fork", `The coordinator shows another entry ${head.seq} than the one known`, {
        place: this.known.server,
        mend: "somebody signs with an admin's key, or the coordinator hides entries; nothing was changed",
      });
    }
    await this.#remember(ledger);
    return ledger;
  }

  /**
   * Signs what `draft` wants in the light of the newest ledger (null: nothing to do) and appends it; when somebody else was
   * faster, all over again.
   */
  async change(draft: (ledger: Ledger) => Draft | null | Promise<Draft | null>): Promise<Changed> {
    for (let attempt = 1;; attempt++) {
      const ledger = await this.ledger();
      const wanted = await draft(ledger);
      if (!wanted) return { ledger, changed: false };
      const { kind, body } = wanted;
      const jws = await signEntry({ ledger, admin: this.known.admin, kind, body, iat: unixTime() });
      await ledger.append(jws); // what our own rules refuse is never sent
      try {
        await this.client.append([jws]);
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
        // Somebody's entry took our place; a coordinator may call ours a fork of it.
        if ((error.code === "ledger_moved" || error.code === "ledger_fork") && attempt < ATTEMPTS) continue;
        // The answer may have been lost on its way, so the ledger itself has to tell.
        if (error.code !== "unreachable" || !await this.#contains(jws)) throw error;
      }
      await this.#remember(ledger);
      return { ledger, changed: true };
    }
  }

  async #contains(jws: string): Promise<boolean> {
    try {
      return (await this.ledger()).entries.includes(jws);
    } catch {
      return false;
    }
  }

  /** All machines whose record holds, by name; `refused` says what the others lack. */
  async nodes(ledger: Ledger): Promise<{ nodes: VerifiedNode[]; refused: string[] }> {
    const nodes: VerifiedNode[] = [];
    const refused: string[] = [];
    const admit = new AdmitRules().of(ledger.policy);
    for (const jws of await this.client.nodes()) {
      try {
        nodes.push(await verifyNodeRecord(jws, { ledger, now: unixTime(), admit }));
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
        refused.push(error.line);
      }
    }
    return { nodes: nodes.sort((a, b) => a.name < b.name ? -1 : 1), refused };
  }

  /**
   * The one machine of this name or id.
   * @throws GhostError `not_found`, `bad_input` when several have the name
   */
  async node(ledger: Ledger, nameOrId: string): Promise<VerifiedNode> {
    const { nodes } = await this.nodes(ledger);
    const fitting = nodes.filter((n) => n.id === nameOrId || n.name === nameOrId.toLowerCase());
    if (fitting.length === 1) return fitting[0]!;
    if (fitting.length === 0) {
      throw new GhostError("not_found", `No machine "${nameOrId}"`, { mend: "see: ghostctl nodes list" });
    }
    throw new GhostError("bad_input", `Several machines are called "${nameOrId}"`, {
      mend: `name one by its id: ${fitting.map((n) => n.id).join(", ")}`,
    });
  }

  async #remember(ledger: Ledger): Promise<void> {
    if (ledger.head.seq <= this.known.head.seq) return;
    this.known.head = ledger.head;
    // Another ghostctl may have seen more in the meantime; its knowledge must not be lost.
    const stored = await this.#store.load(this.known.network.id);
    if (stored && stored.head.seq >= ledger.head.seq) return;
    await this.#store.save(this.known);
  }
}

/** Names by id, for showing who carries what; an id stands for itself when its machine is gone. */
export function namesOf(nodes: readonly VerifiedNode[]): (id: string) => string {
  const names = new Map(nodes.map((n) => [n.id, n.name]));
  return (id) => names.get(id) ?? id;
}
