/** Who a machine is, from its signed record and the ledger. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LocalWhois } from "../../mesh/wire/local.ts";
import { addressesOf } from "./join.ts";
import type { KnownNode, NetworkView } from "./network_view.ts";

/** What the policy calls the kinds of proof. */
const METHODS = { token: "static", oidc: "oidc", x509: "mtls" } as const;

/**
 * A machine by name, id or overlay address (a port after it is left out); this one without a name.
 * @throws GhostError `not_found`
 */
export function whois(
  view: Pick<NetworkView, "selfId" | "nodes" | "find" | "rights">,
  who: string | undefined,
): LocalWhois {
  const known = who === undefined ? view.nodes.get(view.selfId) : view.find(who) ?? view.find(withoutPort(who));
  const seen = known && (known.id === view.selfId || view.rights.peers().some(({ id }) => id === known.id));
  if (!known || !seen) {
    const mend = "ghostctl peers lists those that policy lets this machine see";
    throw new GhostError("not_found", who === undefined ? "This machine is not admitted" : `Nobody is "${who}"`, {
      mend,
    });
  }
  return describe(known, known.id === view.selfId);
}

function withoutPort(text: string): string {
  return text.replace(/^\[(.+)\](?::\d+)?$/, "$1").replace(/^([^:]+):\d+$/, "$1");
}

function describe(known: KnownNode, self: boolean): LocalWhois {
  const { key, user, groups, tags, admission, record } = known.verified;
  return {
    name: known.name,
    id: known.id,
    key,
    addresses: addressesOf(known),
    user,
    groups,
    tags,
    method: METHODS[admission.method],
    ephemeral: admission.ephemeral,
    os: record.os,
    release: record.version,
    routes: record.routes,
    sshHostKeys: record.ssh ?? [],
    signed: new Date(record.iat * 1000).toISOString(),
    expires: new Date(record.exp * 1000).toISOString(),
    self,
  };
}
