/** Lets the sessions and the TURN service follow the ledger: a revoked machine is cut at once, who depends on other entries after a check. */
import type { Log } from "../../mesh/host/log.ts";
import type { LedgerKind } from "../../mesh/wire/ledger.ts";
import type { Membership } from "./membership.ts";
import type { GateServer } from "./quic.ts";
import type { TurnService } from "./turn/service.ts";

/** Kinds of entries after which a record that held may hold no longer: a policy may close a way in, or revoke certificates. */
const RECHECK: ReadonlySet<LedgerKind> = new Set(["revoke", "node", "grant", "policy"]);

/** @param o.key this gate's own key */
export function followEntries(
  membership: Membership,
  o: { server: GateServer | null; turn: TurnService | null; key: string; log: Log },
): void {
  const { server, turn, key, log } = o;
  const net = membership.ledger.network.id;
  let checking = Promise.resolve();
  membership.onEntries = (entries) => {
    for (const { kind, body } of entries) {
      if (kind === "drain" && body.gate === key) {
        const what = body.on ? "is being emptied: machines go to other gates" : "is used again";
        log.info(`an admin has signed that this gate ${what}`, { sessions: server?.sessions ?? 0 });
      }
      if (kind !== "revoke") continue;
      // Who came in by a revoked grant may stay (vouched for by an entry of its own): the check below knows.
      if (body.what === "node") {
        server?.handle({ t: "revoked", net, key: body.key });
        turn?.revoked(body.key);
      } else if (body.what === "gate" && body.key === key) {
        log.error("this gate was revoked: nodes refuse it from now on");
      }
    }
    server?.handle({ t: "ledger", net, head: membership.ledger.head });
    if (entries.some(({ kind }) => RECHECK.has(kind))) {
      checking = checking.then(async () => {
        await turn?.review(await server?.recheckAll());
      });
    }
  };
}
