/** What a step, or a time of absence, means for one reader of the event stream. */
import type { SyncEvent } from "../wire/api.ts";
import type { FeedItem } from "../store/mod.ts";
import type { Step } from "./replica.ts";
import { allRecords, maySee, selectorsOf, type View, visibleNodes } from "./view.ts";

/** Who reads: nodes see what policy lets them, gates see no nodes (a node brings its record along). */
export interface Reader {
  kind: "node" | "gate";
  id: string;
}

/** Events of a step but its mail, in the order in which a reader can use them: what verifies before what is verified. */
export function stepEvents(step: Step, { reader, now }: { reader: Reader; now: number }): SyncEvent[] {
  const { before, after, touched } = step;
  const events: SyncEvent[] = step.entries.map((entry) => ({ type: "ledger", entry }));
  for (const id of touched.gates) {
    if (id === reader.id) continue;
    const was = before.gates.get(id);
    const is = after.gates.get(id);
    if (is?.machine) {
      if (!was?.machine || was.stored.jws !== is.stored.jws) events.push({ type: "gate", record: is.stored.jws });
    } else if (was?.machine) events.push({ type: "gate-gone", id });
  }
  if (reader.kind === "gate") return events;
  for (const id of idsToCompare(step, reader)) {
    const saw = maySee(before, reader.id, id);
    const is = after.nodes.get(id);
    if (maySee(after, reader.id, id) && is) {
      const news = !saw || before.nodes.get(id)?.stored.jws !== is.stored.jws;
      if (news && is.until > now) events.push({ type: "node", record: is.stored.jws });
    } else if (saw) events.push({ type: "node-gone", id });
  }
  return events;
}

/** Only pairs of touched nodes can have changed, unless everything was touched, or the reader itself in what policy selects by. */
function idsToCompare({ before, after, touched }: Step, reader: Reader): Iterable<string> {
  let all = touched.all;
  if (!all && touched.nodes.has(reader.id)) {
    const was = before.nodes.get(reader.id)?.machine;
    const is = after.nodes.get(reader.id)?.machine;
    all = touched.routes || !was || !is || selectorsOf(was) !== selectorsOf(is);
  }
  return all ? new Set([...before.nodes.keys(), ...after.nodes.keys()]) : touched.nodes;
}

/** Everything that a reader may see, all but mail. */
export function snapshotEvents(
  view: View,
  { reader, ledgerFrom, now }: { reader: Reader; ledgerFrom: number; now: number },
): SyncEvent[] {
  const events: SyncEvent[] = view.ledger.entries.slice(ledgerFrom).map((entry) => ({ type: "ledger", entry }));
  for (const record of allRecords(gatesBut(view, reader), now)) events.push({ type: "gate", record });
  if (reader.kind === "node") {
    for (const record of visibleNodes(view, reader.id, now)) events.push({ type: "node", record });
  }
  return events;
}

function gatesBut(view: View, reader: Reader): View["gates"] {
  return reader.kind === "node" ? view.gates : new Map([...view.gates].filter(([id]) => id !== reader.id));
}

/**
 * What a reader missed whose cursor stands before these items, all but mail. Null when that can't be told exactly, because
 * what it saw then is no longer known: then it needs a snapshot. So nobody learns of a node that it could never see.
 */
export function missedEvents(
  view: View,
  { items, reader, now }: { items: readonly FeedItem[]; reader: Reader; now: number },
): SyncEvent[] | null {
  const entries: SyncEvent[] = [];
  const nodes = new Set<string>();
  const gates = new Set<string>();
  /** Named by the ledger, which everybody reads: saying that they are gone tells nothing new. */
  const named = new Set<string>();
  for (const item of items) {
    switch (item.t) {
      case "ledger": {
        const entry = view.ledger.at(item.seq);
        if (entry === undefined || item.touches === "everybody") return null;
        entries.push({ type: "ledger", entry });
        if (item.touches !== "nobody") { for (const id of item.touches) named.add(id); }
        break;
      }
      case "gate":
        gates.add(item.id);
        break;
      case "node":
        if (reader.kind === "gate") break;
        if (item.change === "selectors" && (item.id === reader.id || !maySee(view, reader.id, item.id))) return null;
        if (item.id === reader.id && item.change === "new") return null;
        if (item.change !== "gone") nodes.add(item.id);
        break;
    }
  }
  if (named.has(reader.id)) return null;
  return [...entries, ...machineEvents(view, { nodes, gates, named, reader, now })];
}

function machineEvents(
  view: View,
  { nodes, gates, named, reader, now }: {
    nodes: Set<string>;
    gates: Set<string>;
    named: Set<string>;
    reader: Reader;
    now: number;
  },
): SyncEvent[] {
  const events: SyncEvent[] = [];
  for (const id of new Set([...gates, ...named])) {
    const slot = view.gates.get(id);
    if (id === reader.id || (slot === undefined && !named.has(id))) continue;
    if (slot?.machine) events.push({ type: "gate", record: slot.stored.jws });
    else if (slot) events.push({ type: "gate-gone", id });
  }
  if (reader.kind === "gate") return events;
  for (const id of new Set([...nodes, ...named])) {
    const slot = view.nodes.get(id);
    if (slot?.machine && slot.until > now && maySee(view, reader.id, id)) {
      events.push({ type: "node", record: slot.stored.jws });
    } else if (slot && named.has(id)) events.push({ type: "node-gone", id });
  }
  return events;
}
