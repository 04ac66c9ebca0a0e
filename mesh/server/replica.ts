/**
 * An instance's copy of a network, brought up to date from the store by the change feed. Nothing in it is truth: each request
 * and each stream calls `refresh()` first, which costs one read of the head when nothing has changed. What has changed
 * is told to streams as a step from one view to the next.
 */
import { type FeedItem, type Head, readFeed, readHead, readLedger, readMachine, readMachines } from "../store/mod.ts";
import { GhostError } from "../wire/errors.ts";
import { Ledger } from "../trust/ledger.ts";
import {
  AdmitRules,
  approvalOf,
  issuerSigners,
  type Policy,
  type PolicyNode,
  policyNode,
  recompile,
} from "../policy/mod.ts";
import { nodeRecord } from "../wire/record.ts";
import type { IssuerBook } from "../trust/admission/mod.ts";
import type { RecordContext, VerifiedNode } from "../trust/record.ts";
import { gateSlot, nodeSlot, payloadOf } from "./slots.ts";
import { entryOf, touch, type Touched, untouched } from "./touch.ts";
import { compileFor, type GateSlot, type NodeSlot, readPolicy, selectorsOf, type View } from "./view.ts";

/** Records verified side by side while loading. */
const BATCH = 64;

/** From one view to the next. */
export interface Step {
  before: View;
  after: View;
  /** Ledger entries that are new. */
  entries: string[];
  touched: Touched;
  /** Nodes to whom mail has come. */
  mail: Set<string>;
}

export class Replica {
  readonly net: string;
  readonly #kv: Deno.Kv;
  readonly #now: () => number;
  readonly #listeners = new Set<(step: Step | null) => void>();
  readonly #rules = new AdmitRules();
  readonly #issuers: IssuerBook | undefined;
  #view: View | null = null;
  #running: Promise<View> | null = null;
  #waiting: Promise<View> | null = null;

  /** `now` is in milliseconds. */
  constructor(
    kv: Deno.Kv,
    { net, now, issuers }: { net: string; now: () => number; issuers?: IssuerBook },
  ) {
    this.#issuers = issuers;
    this.#kv = kv;
    this.net = net;
    this.#now = now;
  }

  /** The view of the last `refresh()`, null before the first. */
  get view(): View | null {
    return this.#view;
  }

  /**
   * Calls `listener` with every step, synchronously with the change of the view, and with null when the view was lost and no
   * step leads to the next one. Gives back what ends that.
   */
  onStep(listener: (step: Step | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The view as of the store's head at some moment after this call. Calls that come together share the work. */
  async refresh(): Promise<View> {
    if (this.#running === null) return await this.#start();
    this.#waiting ??= this.#running.catch(() => {}).then(() => {
      this.#waiting = null;
      return this.#start();
    });
    return await this.#waiting;
  }

  #start(): Promise<View> {
    const run = this.#update().finally(() => {
      if (this.#running === run) this.#running = null;
    });
    this.#running = run;
    return run;
  }

  async #update(): Promise<View> {
    const head = await readHead(this.#kv, this.net);
    if (head === null) throw new GhostError("internal", "The store has lost its network");
    const view = this.#view;
    if (view?.seq === head.seq && view.ledger.head.hash === head.ledger.hash) return view;
    const items = view === null ? null : await readFeed(this.#kv, this.net, { after: view.seq, upto: head.seq });
    try {
      return view === null || items === null ? await this.#load(head) : await this.#advance(view, { head, items });
    } catch (error) {
      this.#view = null; // its ledger may have grown: begin anew
      for (const listener of this.#listeners) listener(null);
      throw error;
    }
  }

  async #load(head: Head): Promise<View> {
    const kv = this.#kv;
    const entries = await readLedger(kv, this.net, { from: 0, upto: head.ledger.seq });
    const ledger = await Ledger.open(entries, { net: this.net, issuerSigners });
    const admit = this.#rules.of(ledger.policy);
    await this.#issuers?.ready();
    const context = this.contextOf({ ledger, admit });
    const nodes = new Map<string, NodeSlot>();
    const gates = new Map<string, GateSlot>();
    await inBatches(readMachines(kv, this.net, "node"), async (s) => {
      await this.learnKeys(s.jws, admit);
      nodes.set(s.id, await nodeSlot(s, context));
    });
    await inBatches(readMachines(kv, this.net, "gate"), async (s) => void gates.set(s.id, await gateSlot(s, context)));
    const policy = readPolicy(ledger);
    const compiled = compileFor(policy, ledger, nodes);
    const view: View = { seq: head.seq, ledger, nodes, gates, admit, policy, compiled };
    const before = this.#view;
    if (before === null) return this.#view = view;
    const touched = untouched();
    touched.all = true;
    for (const id of [...before.gates.keys(), ...gates.keys()]) touched.gates.add(id);
    const mail = new Set(nodes.keys());
    return this.#emit({ before, after: view, entries: entries.slice(before.ledger.head.seq + 1), touched, mail });
  }

  async #advance(before: View, { head, items }: { head: Head; items: FeedItem[] }): Promise<View> {
    const { ledger } = before;
    const touched = untouched();
    const mail = new Set<string>();
    for (const item of items) {
      if (item.t === "node") touched.nodes.add(item.id);
      else if (item.t === "gate") touched.gates.add(item.id);
      else if (item.t === "mail") mail.add(item.to);
    }
    const from = ledger.head.seq + 1;
    const entries = await readLedger(this.#kv, this.net, { from, upto: head.ledger.seq });
    for (const jws of entries) {
      touch(touched, entryOf(jws), before);
      await ledger.append(jws);
    }
    const admit = this.#rules.of(ledger.policy);
    if (JSON.stringify(admit) !== JSON.stringify(before.admit)) {
      for (const id of before.nodes.keys()) touched.nodes.add(id); // whoever came in may have to go, or may stay now
    }
    const after = await this.#rebuild(before, { seq: head.seq, touched, admit });
    return this.#emit({ before, after, entries, touched, mail });
  }

  /** The next view: touched machines read and verified again, compiled again only when something asks for it. */
  async #rebuild(
    before: View,
    { seq, touched, admit }: { seq: number; touched: Touched; admit: View["admit"] },
  ): Promise<View> {
    const { ledger } = before;
    const context = this.contextOf({ ledger, admit });
    const nodes = touched.nodes.size > 0 ? new Map(before.nodes) : before.nodes as Map<string, NodeSlot>;
    const changed = new Map<string, PolicyNode | null>();
    for (const id of touched.nodes) {
      const stored = await readMachine(this.#kv, this.net, { kind: "node", id });
      const old = before.nodes.get(id)?.machine ?? null;
      if (stored !== null) await this.learnKeys(stored.jws, admit);
      const slot = stored === null ? null : await nodeSlot(stored, context);
      if (slot === null) nodes.delete(id);
      else nodes.set(id, slot);
      const machine = slot?.machine ?? null;
      if (approvedRoutes(before.policy, old) !== approvedRoutes(before.policy, machine)) {
        // Others may see each other by such a route, and what it takes from a shorter one is its own.
        touched.routes = touched.all = true;
      }
      if ((old && selectorsOf(old)) !== (machine && selectorsOf(machine))) {
        changed.set(id, machine && policyNode(machine));
      }
    }
    const gates = touched.gates.size > 0 ? new Map(before.gates) : before.gates as Map<string, GateSlot>;
    for (const id of touched.gates) {
      const stored = await readMachine(this.#kv, this.net, { kind: "gate", id });
      if (stored === null) gates.delete(id);
      else gates.set(id, await gateSlot(stored, context));
    }
    const policy = touched.policy ? readPolicy(ledger) : before.policy;
    const compiled = touched.policy || touched.routes
      ? compileFor(policy, ledger, nodes)
      : before.compiled && changed.size > 0
      ? recompile(before.compiled, changed)
      : before.compiled;
    return { seq, ledger, nodes, gates, admit, policy, compiled };
  }

  /** What records are judged by under this view, now. */
  contextOf({ ledger, admit }: Pick<View, "ledger" | "admit">): RecordContext {
    const now = Math.floor(this.#now() / 1000);
    const issuers = this.#issuers;
    return { ledger, admit, now, ...(issuers ? { issuerKeys: (issuer: string) => issuers.keysOf(issuer) } : {}) };
  }

  /** Fetches the keys that a node's log-in is checked by, when it came in that way and they are not at hand. */
  async learnKeys(jws: string, admit: View["admit"]): Promise<void> {
    const { proof } = payloadOf(jws, nodeRecord);
    if (proof.kind === "oidc") await this.#issuers?.learn(proof.idToken, admit);
  }

  #emit(step: Step): View {
    this.#view = step.after;
    for (const listener of this.#listeners) listener(step);
    return step.after;
  }
}

/** What a machine announces and the policy approves of it, as one text to compare: that goes by who the machine is, too. */
function approvedRoutes(policy: Policy | null, machine: VerifiedNode | null): string {
  if (!policy?.routes.length || machine === null) return "";
  const node = policyNode(machine);
  return machine.record.routes.filter((prefix) => approvalOf(policy.routes, node, prefix)).join();
}

async function inBatches<T>(source: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  let batch: Promise<void>[] = [];
  for await (const item of source) {
    batch.push(work(item));
    if (batch.length < BATCH) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}
