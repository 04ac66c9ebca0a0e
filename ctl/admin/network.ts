/**
 * A network as its admin sees it: the ledger, fetched and verified from genesis, never older than what was seen before; and
 * changes to it, signed here.
 */
import { collectLedger } from "../../mesh/client/collect_ledger.ts";
import { MeshClient } from "../../mesh/client/mesh_client.ts";
import type { LedgerFile } from "../../mesh/host/ledger_file.ts";
import { AdmitRules, issuerSigners, type Policy } from "../../mesh/policy/mod.ts";
import { keepWhole, openKept } from "../../mesh/trust/kept_ledger.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { type VerifiedGate, type VerifiedNode, verifyGateRecord } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody, LedgerHead, LedgerKind } from "../../mesh/wire/ledger.ts";
import type { Call } from "../call.ts";
import { handToCoordinator, handToDaemon } from "./hand_entries.ts";
import { random, unixTime } from "./host.ts";
import { type KnownNetwork, NetworkStore } from "./store.ts";
import { fitting, type Named, theOne } from "./the_one.ts";
import { newIssuers, type Refused, type Under, underPolicy, verifyNodes } from "./verify_records.ts";

/** Times that a change is signed anew because somebody was faster. */
const ATTEMPTS = 5;
/** How a machine that is not found is spoken of. */
export const MACHINES = { what: "machine", see: "ghostctl nodes list" } as const;

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
  readonly store: NetworkStore;
  readonly #call: Call | null;
  readonly #issuers = newIssuers();
  #ledger: Promise<Ledger | null> | null = null;

  /** `call` tells where this machine's own daemon may be. */
  constructor(known: KnownNetwork, store: NetworkStore, call: Call | null = null) {
    this.known = known;
    this.store = store;
    this.#call = call;
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
    return new AdminNetwork(await store.choose(call.text("network")), store, call);
  }

  get #file(): LedgerFile {
    return this.store.ledger(this.known.network.id);
  }

  /** The ledger as it was kept here, null when there is none. */
  async kept(): Promise<Ledger | null> {
    const { id: net } = this.known.network;
    const file = this.#file;
    this.#ledger ??= this.store.locked(net, async () => {
      const none = (await file.read()).length === 0;
      return none ? null : await openKept(file, { net, issuerSigners });
    });
    return await this.#ledger;
  }

  /**
   * The newest ledger: what was kept here, and what the coordinator has beyond it.
   * @throws GhostError `ledger_rollback`, `ledger_fork` when the coordinator's history is not the one seen before
   */
  async ledger(o: { signal?: AbortSignal } = {}): Promise<Ledger> {
    const kept = await this.kept();
    const ledger = kept ?? await this.#found(o);
    if (kept) await this.#follow(kept, o);
    const { head } = this.known;
    if (head && ledger.head.seq < head.seq) throw this.#rollback(ledger.head.seq);
    if (head && ledger.hashAt(head.seq) !== head.hash) throw this.#fork(head.seq);
    await this.#remember(ledger);
    return ledger;
  }

  /** What the coordinator serves, checked from genesis on, whatever was seen before. */
  async served(o: { signal?: AbortSignal } = {}): Promise<Ledger> {
    return await collectLedger(this.client, { ...o, net: this.known.network.id, issuerSigners });
  }

  async #found(o: { signal?: AbortSignal }): Promise<Ledger> {
    const ledger = await this.served(o);
    if (ledger.head.seq < (this.known.head?.seq ?? 0)) throw this.#rollback(ledger.head.seq);
    if (this.known.head === null || ledger.hashAt(this.known.head.seq) === this.known.head.hash) {
      await this.#keep(ledger);
    }
    return ledger;
  }

  /** Adds to the kept ledger what it lacks; another ghostctl may have done so meanwhile. */
  async #keepNew(ledger: Ledger): Promise<void> {
    const file = this.#file;
    await this.store.locked(ledger.network.id, async () => {
      const kept = await file.read();
      if (kept.length >= ledger.entries.length || kept.at(-1) !== ledger.at(kept.length - 1)) return;
      await file.append(ledger.entries.slice(kept.length));
      await file.saveChecked(ledger.head);
    });
  }

  async #keep(ledger: Ledger): Promise<void> {
    const file = this.#file;
    await this.store.locked(ledger.network.id, async () => {
      await file.saveEvidence(ledger.evidence);
      await keepWhole(file, ledger);
    });
    this.#ledger = Promise.resolve(ledger);
  }

  /** Makes a verified ledger the one that is kept here, whatever was seen before: an admin has decided so. */
  async adopt(ledger: Ledger, at: { server: string; ca: string | null } = this.known): Promise<void> {
    Object.assign(this.known, { server: at.server, ca: at.ca, head: ledger.head });
    await this.#keep(ledger);
    await this.store.save(this.known);
  }

  /** Takes what the coordinator has beyond a ledger, and keeps it. */
  async #follow(ledger: Ledger, o: { signal?: AbortSignal }): Promise<void> {
    for (;;) {
      const { seq } = ledger.head;
      const page = await this.client.ledger(seq, o); // the last one known, too: it has to be the same
      if (page.entries[0] === undefined) throw this.#rollback(page.head.seq);
      if (page.entries[0] !== ledger.at(seq)) throw this.#fork(seq);
      for (const jws of page.entries.slice(1)) await ledger.append(jws);
      await this.#keepNew(ledger);
      if (ledger.head.seq === seq || ledger.head.seq >= page.head.seq) return;
    }
  }

  #rollback(seq: number): GhostError {
    const known = this.known.head?.seq ?? 0;
    return new GhostError("ledger_rollback", `The coordinator shows entry ${seq}, but ${known} is known`, {
      place: this.known.server,
      mend:
        "it may have been restored from an old copy; nothing was changed. To bring it up to date: ghostctl ledger import",
    });
  }

  #fork(seq: number): GhostError {
    return new GhostError("ledger_fork", `The coordinator shows another entry ${seq} than the one known`, {
      place: this.known.server,
      mend: "somebody signs with an admin's key, or the coordinator hides entries; nothing was changed",
    });
  }

  /**
   * Signs what `draft` wants in the light of the newest ledger (null: nothing to do) and appends it; when somebody else was
   * faster, all over again.
   */
  async change(draft: (ledger: Ledger) => Draft | null | Promise<Draft | null>): Promise<Changed> {
    return await this.changeAll(async (ledger) => {
      const wanted = await draft(ledger);
      return wanted ? [wanted] : [];
    });
  }

  /** As `change`, for several entries that take effect together. `approvals` are consents to the last one. */
  async changeAll(
    draft: (ledger: Ledger) => Draft[] | Promise<Draft[]>,
    { approvals }: { approvals?: string[] } = {},
  ): Promise<Changed> {
    let before: LedgerHead | null = null;
    for (let attempt = 1;; attempt++) {
      const ledger = await this.ledger();
      if (before?.hash === ledger.head.hash) {
        // A second entry for one place would be a fork in the coordinator's hands.
        throw new GhostError("ledger_moved", "The coordinator refuses an entry as too late and shows none before it", {
          place: this.known.server,
          mend: "do not sign again here before you know why",
        });
      }
      before = ledger.head;
      const wanted = await draft(ledger);
      if (wanted.length === 0) return { ledger, changed: false };
      const trial = await Ledger.open(ledger.entries, {
        net: ledger.network.id,
        checked: ledger.head,
        evidence: ledger.evidence,
        issuerSigners,
      });
      const signed: string[] = [];
      for (const [i, { kind, body }] of wanted.entries()) {
        const consents = approvals && i === wanted.length - 1 ? { approvals } : {};
        const options = { ledger: trial, admin: this.known.admin, kind, body, iat: unixTime(), ...consents };
        const jws = await signEntry(options);
        await trial.append(jws); // what our own rules refuse is never sent
        signed.push(jws);
      }
      try {
        await handToCoordinator(this.client, signed);
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
        // Somebody's entry took our place; a coordinator may call ours a fork of it.
        if ((error.code === "ledger_moved" || error.code === "ledger_fork") && attempt < ATTEMPTS) continue;
        // The answer may have been lost on its way, so the ledger itself has to tell.
        if (error.code !== "unreachable" || !await this.#contains(signed.at(-1)!)) throw error;
      }
      for (const jws of signed) await ledger.append(jws);
      await this.#keepNew(ledger);
      await this.#remember(ledger);
      await this.#tell(signed, ledger, before);
      return { ledger, changed: true };
    }
  }

  /** Tells this machine's own daemon and every gate that is known: a coordinator that keeps entries to itself then delays nothing. */
  async #tell(signed: readonly string[], ledger: Ledger, before: LedgerHead): Promise<void> {
    if (this.#call === null) return;
    const told = handToDaemon(this.#call, signed);
    const { gates } = await this.gates(ledger).catch(() => ({ gates: [] })); // the coordinator may be away by now
    const { handToGates } = await import("./gates.ts");
    await Promise.all([told, handToGates(this.known, { dir: this.store.dir, gates, ledger, head: before })]);
  }

  async #contains(jws: string): Promise<boolean> {
    try {
      return (await this.ledger()).entries.includes(jws);
    } catch {
      return false;
    }
  }

  /**
   * All machines whose record holds, by name; `refused` are the others that the coordinator shows: those that time has put out
   * since it last looked, and with `all` every one that it keeps.
   */
  async nodes(ledger: Ledger, o: { all?: boolean } = {}): Promise<{ nodes: VerifiedNode[]; refused: Refused[] }> {
    const admit = new AdmitRules().of(ledger.policy);
    return await verifyNodes(await this.client.nodes(o), { ledger, admit, issuers: this.#issuers });
  }

  /** All machines that are in now, held against a policy that is not signed yet, as are the gates. */
  async under(policy: Policy, ledger: Ledger): Promise<Under> {
    const [{ nodes: all, refused }, { gates }] = [await this.nodes(ledger), await this.gates(ledger)];
    const under = await underPolicy({ nodes: all, gates }, { policy, ledger, issuers: this.#issuers });
    return { all, refused, ...under };
  }

  /** All gates whose record holds, by name. */
  async gates(ledger: Ledger): Promise<{ gates: VerifiedGate[]; refused: string[] }> {
    const gates: VerifiedGate[] = [];
    const refused: string[] = [];
    const admit = new AdmitRules().of(ledger.policy);
    for (const jws of await this.client.gates()) {
      try {
        gates.push(await verifyGateRecord(jws, { ledger, now: unixTime(), admit }));
      } catch (error) {
        if (!(error instanceof GhostError)) throw error;
        refused.push(error.line);
      }
    }
    return { gates: gates.sort((a, b) => a.name < b.name ? -1 : 1), refused };
  }

  /**
   * The one machine of this name, id or identity key.
   * @throws GhostError `not_found`, `bad_input` when several have the name
   */
  async node(ledger: Ledger, wanted: string): Promise<VerifiedNode> {
    return theOne((await this.nodes(ledger)).nodes, wanted, MACHINES);
  }

  /**
   * As `node`, or one that is not in (any more): anybody's record may claim a name, so such a machine is found by its name
   * only if an admin has said something of it before, else by its id or key.
   */
  async nodeOrOut(ledger: Ledger, wanted: string): Promise<Named> {
    const { nodes, refused } = await this.nodes(ledger, { all: true });
    if (fitting(nodes, wanted).length > 0) return theOne(nodes, wanted, MACHINES);
    const out = refused.flatMap(({ who }) =>
      who ? [{ ...who, name: ledger.nodeSettings(who.id)?.name ?? who.name }] : []
    );
    const claiming = fitting(out, wanted);
    const sure = claiming.filter(({ id, key }) => id === wanted || key === wanted || ledger.nodeSettings(id));
    if (sure.length > 0 || claiming.length === 0) return theOne(sure, wanted, MACHINES);
    throw new GhostError("not_found", `No machine "${wanted}" is admitted`, {
      mend: `one that calls itself so has the id ${
        claiming.map(({ id }) => id).join(", ")
      }; name it by that if you know it`,
    });
  }

  async #remember(ledger: Ledger): Promise<void> {
    if (this.known.head && ledger.head.seq <= this.known.head.seq) return;
    this.known.head = ledger.head;
    // Another ghostctl may have seen more in the meantime; its knowledge must not be lost.
    const stored = await this.store.load(this.known.network.id);
    if (stored?.head && stored.head.seq >= ledger.head.seq) return;
    await this.store.save(this.known);
  }
}

/** Names by id, for showing who carries what; an id stands for itself when its machine is gone. */
export function namesOf(nodes: readonly VerifiedNode[]): (id: string) => string {
  const names = new Map(nodes.map((n) => [n.id, n.name]));
  return (id) => names.get(id) ?? id;
}
