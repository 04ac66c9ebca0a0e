/** What the daemon does for those who ask it over its local API. */
import { refuseOverlap } from "../../mesh/trust/own_ranges.ts";
import { readPrefix } from "../../mesh/trust/prefix.ts";
import { join, type Machine } from "./join.ts";
import { debugPath, netcheck } from "./look.ts";
import type { LocalHandlers } from "./local_api.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Parts } from "./parts.ts";
import { random } from "./random.ts";
import type { NodeState } from "./state.ts";

/** @param o.changed the own record is a new one and has to be told */
export function localHandlers(
  parts: Parts,
  o: {
    own: OwnRecord;
    state: NodeState;
    machine: Machine;
    meshUp(): boolean;
    changed(): Promise<void>;
    /** Brings the machine in line. @throws what the run threw */
    reconcile(): Promise<void>;
  },
): LocalHandlers {
  const { report, desk, view } = parts;
  return {
    status: () => Promise.resolve(report.status()),
    peers: () => report.peers(),
    ping: (request) => report.ping(request),
    netcheck: () => netcheck(parts, { meshUp: o.meshUp() }),
    path: (peer) => Promise.resolve(debugPath(parts, peer)),
    routes: () => Promise.resolve(report.routes()),
    advertise: async ({ prefix, withdraw }) => {
      const read = readPrefix(prefix, { place: "request.prefix", code: "bad_input" });
      const { text } = read;
      if (!withdraw) await refuseOverlap(read, view.ledger.network);
      const changed = await o.own.changeFrom(({ routes }) => {
        if (routes.includes(text) !== withdraw) return null;
        return { routes: withdraw ? routes.filter((p) => p !== text) : [...routes, text].sort() };
      }) !== null;
      if (changed) await o.changed();
      const approved = view.rights.routes().mine.some((route) => route.prefix === text);
      return { changed, routes: o.own.record.routes, approved };
    },
    firewall: () => report.firewall(),
    firewallFlows: async () => ({ flows: await report.firewallFlows() }),
    dns: () => Promise.resolve(report.dns()),
    exit: async (request) => {
      if (request && "use" in request) {
        await parts.exit.choose(request.use);
        await o.reconcile();
      } else if (request) {
        await parts.exit.offer(request.offer);
        if (await parts.exit.announce()) await o.changed();
      }
      return parts.exit.state();
    },
    login: (request) =>
      parts.admissions.renew(
        "idToken" in request ? { kind: "oidc", idToken: request.idToken } : { kind: "token", jws: request.admission },
        o.own,
      ).then(() => o.changed()),
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
