/**
 * Follows the coordinator's event stream for as long as the daemon lives: a snapshot first, then what changes. A stream that
 * breaks is taken up again with growing waits; everything that was connected stays as it is meanwhile.
 */
import type { MeshClient } from "../../mesh/client/mod.ts";
import type { SyncEvent } from "../../mesh/wire/api.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { Change, NetworkView } from "./network_view.ts";
import type { Waits } from "./waits.ts";

/** Between two streams, in ms. */
export const STREAM_WAITS = { first: 250, longest: 10_000 };

/** What the follower reports. */
export interface FollowEvents {
  changed(change: Change): void;
  /** A ledger entry. @throws GhostError when it does not verify */
  entry(jws: string): Promise<void>;
  /** `kept` is how long it lay in the mailbox, in ms. */
  mail(from: string, box: string, kept: number): void;
  connected(up: boolean, reason: string | null): void;
  /** An entry or record that did not verify; the line says why. */
  rejected(what: string, why: string): void;
  /** The stream is up: time to publish what the coordinator may have missed. */
  synced(): void;
  /** The coordinator is there and refuses; `unauthorized`: it knows no (valid) record of ours, maybe it lost its store. */
  refused(code: string): void;
}

/** Keeps a view in step with the coordinator until the signal aborts. */
export async function follow(
  o: {
    client: MeshClient;
    view: NetworkView;
    events: FollowEvents;
    /** Of STREAM_WAITS. */
    waits: Waits;
    signal: AbortSignal;
    random(): number;
  },
): Promise<void> {
  let cursor: string | undefined;
  let connected = false;
  while (!o.signal.aborted) {
    try {
      const seen = new Set<string>();
      const stream = o.client.sync({
        ...(cursor === undefined ? {} : { cursor }),
        ledgerFrom: o.view.ledger.head.seq + 1,
        signal: o.signal,
      });
      for await (const { id, event } of stream) {
        if (!connected) {
          connected = true;
          o.events.connected(true, null);
        }
        if (event.type === "synced") {
          if (event.snapshot) sweep(o.view, seen, o.events);
          o.waits.reset();
          o.events.synced();
        } else {
          const subject = await take(o.view, event, o.events);
          if (subject) seen.add(subject);
        }
        if (id !== "") cursor = id;
      }
      throw new Error("The stream ended");
    } catch (error) {
      if (o.signal.aborted) return;
      if (error instanceof GhostError && error.code !== "unreachable") {
        cursor = undefined; // one that it refuses would be refused for ever
        o.events.refused(error.code);
      }
      if (connected) o.events.connected(false, errorLine(error));
      connected = false;
    }
    await o.waits.wait({ spread: 0.75 + o.random() / 2 }, o.signal);
  }
}

/** Applies one event; answers with the id of the node or gate it was about. */
async function take(view: NetworkView, event: SyncEvent, events: FollowEvents): Promise<string | null> {
  try {
    switch (event.type) {
      case "ledger":
        await events.entry(event.entry);
        return null;
      case "node":
      case "gate": {
        const { id, change } = await view[event.type](event.record);
        events.changed(change);
        return id;
      }
      case "node-gone":
      case "gate-gone":
        events.changed(view.forget(event.id));
        return null;
      case "mail":
        events.mail(event.from, event.box, event.kept ?? 0);
        return null;
      case "synced":
        return null;
    }
  } catch (error) {
    events.rejected(event.type, errorLine(error));
    return null;
  }
}

function sweep(view: NetworkView, seen: Set<string>, events: FollowEvents): void {
  view.saved.forget();
  for (const id of [...view.nodes.keys(), ...view.gates.keys()]) {
    if (!seen.has(id)) events.changed(view.forget(id));
  }
}
