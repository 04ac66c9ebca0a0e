/**
 * Which machines a ledger entry concerns. There are two answers: a fine one for an instance that has every record at hand and
 * looks before the entry is applied, and a coarse one that follows from the ledger alone, is stored in the feed, and serves
 * readers who were away.
 */
import { fromBase64Url, fromUtf8, parseJson } from "../wire/encoding.ts";
import { type LedgerEntry, ledgerEntry } from "../wire/ledger.ts";
import { parse } from "../wire/schema.ts";
import type { NewEntry } from "../store/mod.ts";
import { nodeIdOf } from "../trust/keys.ts";
import type { Ledger } from "../trust/ledger.ts";
import type { GateSlot, NodeSlot, Slot } from "./view.ts";

/** What has to be looked at again after changes. */
export interface Touched {
  /** Who sees whom may change for every pair. */
  all: boolean;
  /** The policy's text is another. */
  policy: boolean;
  /** Routes have changed: compile again. */
  routes: boolean;
  /** Nodes whose pairs may change, and whose record must be verified again. */
  nodes: Set<string>;
  gates: Set<string>;
}

/** Nothing touched yet. */
export function untouched(): Touched {
  return { all: false, policy: false, routes: false, nodes: new Set(), gates: new Set() };
}

/** The payload of an entry that has been verified. */
export function entryOf(jws: string): LedgerEntry {
  const payload = fromUtf8(fromBase64Url(jws.split(".")[1] ?? "", "ledger"), "ledger");
  return parse(ledgerEntry, parseJson(payload, { place: "ledger" }), "ledger", "bad_ledger");
}

/** Notes what `entry`, which `ledger` does not contain yet, concerns. */
export function touch(
  touched: Touched,
  entry: LedgerEntry,
  o: { ledger: Ledger; nodes: ReadonlyMap<string, NodeSlot>; gates: ReadonlyMap<string, GateSlot> },
): void {
  const byGrant = (grant: string) => {
    collect(touched.nodes, o.nodes, (slot) => slot.stored.grant === grant);
    collect(touched.gates, o.gates, (slot) => slot.stored.grant === grant);
  };
  switch (entry.kind) {
    case "policy":
      touched.all = true;
      touched.policy = true;
      break;
    case "route":
      touched.nodes.add(entry.body.node);
      touched.routes = true;
      break;
    case "grant":
      if (o.ledger.grant(entry.body.key)) byGrant(entry.body.key);
      break;
    case "gate":
      collect(touched.gates, o.gates, (slot) => slot.stored.key === entry.body.key);
      break;
    case "drain":
      collect(touched.gates, o.gates, (slot) => slot.stored.key === entry.body.gate);
      break;
    case "issuer":
      collect(touched.nodes, o.nodes, (slot) => slot.stored.grant === null);
      break;
    case "node": {
      const { node, name, ipv4 } = entry.body;
      const old = o.ledger.nodeSettings(node);
      const names = [name, old?.name];
      const addresses = [ipv4, old?.ipv4];
      touched.nodes.add(node);
      collect(touched.nodes, o.nodes, ({ claims }) => names.includes(claims.name) || addresses.includes(claims.ipv4!));
      break;
    }
    case "revoke":
      if (entry.body.what === "grant") byGrant(entry.body.key);
      if (entry.body.what === "node") {
        collect(touched.nodes, o.nodes, (slot) => slot.stored.key === entry.body.key);
        touched.routes = true;
      }
      if (entry.body.what === "certificate") collect(touched.nodes, o.nodes, (slot) => slot.stored.grant === null);
      if (entry.body.what === "gate") collect(touched.gates, o.gates, (slot) => slot.stored.key === entry.body.key);
      break;
  }
}

function collect<S extends Slot<unknown>>(
  into: Set<string>,
  slots: ReadonlyMap<string, S>,
  fits: (slot: S) => boolean,
): void {
  for (const [id, slot] of slots) if (fits(slot)) into.add(id);
}

/** An entry that `ledger` does not contain yet, with what the store has to know of it. */
export async function toNewEntry(jws: string, ledger: Ledger | null): Promise<NewEntry> {
  const entry = entryOf(jws);
  const plain: NewEntry = { jws, touches: "nobody", settles: [] };
  switch (entry.kind) {
    case "policy":
      return { ...plain, touches: "everybody" };
    case "issuer":
      return { ...plain, touches: "everybody" };
    case "gate":
      return { ...plain, touches: [await nodeIdOf(entry.body.key)] };
    case "drain":
      return { ...plain, touches: [await nodeIdOf(entry.body.gate)] };
    case "route":
      return { ...plain, touches: [entry.body.node] };
    case "grant":
      return ledger?.grant(entry.body.key) ? { ...plain, touches: "everybody" } : plain;
    case "node": {
      const { node, name, ipv4 } = entry.body;
      const settles: NewEntry["settles"] = [];
      if (name !== undefined) settles.push({ kind: "name", value: name, node });
      if (ipv4 !== undefined) settles.push({ kind: "ipv4", value: ipv4, node });
      return { ...plain, touches: "everybody", settles };
    }
    case "revoke":
      if (entry.body.what === "grant" || entry.body.what === "certificate") return { ...plain, touches: "everybody" };
      return { ...plain, touches: [await nodeIdOf(entry.body.key)] };
    default:
      return plain;
  }
}
