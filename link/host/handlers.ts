/** What the daemon does for those who ask it over its local API. */
import { join, type Machine } from "./join.ts";
import type { LocalHandlers } from "./local_api.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Parts } from "./parts.ts";
import { random } from "./random.ts";
import type { NodeState } from "./state.ts";

/** @param o.changed the own record is a new one and has to be told */
export function localHandlers(
  parts: Parts,
  o: { own: OwnRecord; state: NodeState; machine: Machine; changed(): Promise<void> },
): LocalHandlers {
  const { report, desk, view } = parts;
  return {
    status: () => Promise.resolve(report.status()),
    peers: () => report.peers(),
    ping: (request) => report.ping(request),
    routes: () => Promise.resolve(report.routes()),
    login: ({ idToken }) => parts.admissions.renew(idToken, o.own).then(() => o.changed()),
    ledger: (from) => Promise.resolve(report.ledger(from)),
    fork: () => Promise.resolve(report.fork()),
    entries: async (entries) => {
      const added = await desk.take(entries);
      return { added, head: view.ledger.head };
    },
    rotate: () => parts.rotator.rotate(),
    join: async ({ auth, server, name }) => {
      const joined = await join(o.state, {
        auth,
        ...(server === undefined ? {} : { server }),
        ...(name === undefined ? {} : { name }),
        machine: o.machine,
        random,
        now: () => Date.now(),
      });
      return { name: joined.network.name, id: joined.id, addresses: joined.addresses };
    },
  };
}
