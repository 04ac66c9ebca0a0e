/** A running session of the daemon, as the supervisor asks it. */
import type { Log } from "../../mesh/host/log.ts";
import { errorLine, GhostError } from "../../mesh/wire/errors.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { LocalWhois } from "../../mesh/wire/local.ts";
import { localHandlers } from "./handlers.ts";
import type { LocalHandlers } from "./local_api.ts";
import type { OwnRecord } from "./own_record.ts";
import type { Parts } from "./parts.ts";
import { whois } from "./whois.ts";

/** What of the daemon can be asked for while it runs. */
export interface Session {
  /** The network's, as this machine has it. */
  readonly ledger: Ledger;
  handlers: LocalHandlers;
  whois(who: string | undefined): Promise<LocalWhois>;
  /** Changes the own record and tells everybody. @throws GhostError `name_taken` */
  change(change: { name?: string; ssh?: string[] }): Promise<void>;
  /** Tells the coordinator that this machine leaves; false when it cannot be told. */
  farewell(): Promise<boolean>;
}

/** Seconds that a last record holds: long enough to be delivered. */
const FAREWELL = 5;

/** What a session needs of the daemon besides its parts. */
type SessionHost = Parameters<typeof localHandlers>[1] & { own: OwnRecord; id: string; log: Log };

/** The session of a daemon of these parts. */
export function sessionOf(parts: Parts, o: SessionHost): Session {
  const { view, mesh } = parts;
  return {
    ledger: view.ledger,
    handlers: localHandlers(parts, o),
    whois: (who) => Promise.resolve().then(() => whois(view, who)),
    change: async (change) => {
      const holder = [...view.nodes.values()].find((node) => node.name === change.name);
      if (holder && holder.id !== o.id) {
        throw new GhostError("name_taken", `Another machine is called "${change.name}"`, {
          mend: "choose another name",
        });
      }
      await o.own.change(change);
      await o.changed();
    },
    farewell: async () => {
      if (!o.meshUp()) return false;
      try {
        await mesh.publishNode(await o.own.farewell(FAREWELL));
        return true;
      } catch (error) {
        o.log.warn("The coordinator was not told of the leave", { why: errorLine(error) });
        return false;
      }
    },
  };
}
