/** Who is not admitted and why, this machine first, and what ends soon: sentences of `ghostctl status`. */
import { REVOKED_MEND } from "../../mesh/trust/record.ts";
import { membershipEnd } from "../../mesh/trust/membership.ts";
import type { NetworkView } from "./network_view.ts";

/** What ends within this time is worth a word, in seconds. Certificates are short-lived often, and renewed by programs. */
const SOON = { token: 14 * 86_400, oidc: 3 * 86_400, x509: 6 * 3600 };
const RENEWAL = {
  token:
    "the key of this machine expires at END: ghostlink login --auth TOKEN with a new one, or ask an admin for ghostctl nodes expire",
  oidc: "the log-in of this machine ends at END: log in again with ghostlink login",
  x509: "the certificate of this machine ends at END: put a new one in its place",
};

/** Where the sentences come from. */
type View = Pick<NetworkView, "selfId" | "nodes" | "refused" | "ledger">;
/** Seconds since 1970, and this machine's identity key. */
interface Own {
  now: number;
  key: string;
}

/** Why this machine is not in the network just now; null when it is. */
export function whyOut(view: View, { now, key }: Own): string | null {
  if (view.ledger.isRevoked("node", key)) return `this machine was revoked, which is for good; ${REVOKED_MEND}`;
  const over = membershipEnd(view.ledger.nodeSettings(view.selfId), now);
  const why = over?.line ?? view.refused.find(({ id }) => id === view.selfId)?.why;
  if (why !== undefined) return `this node is not admitted to the network: ${why}`;
  if (view.nodes.has(view.selfId)) return null;
  return "this node is no longer admitted to the network: ghostctl leave --yes, then ghostctl join --auth TOKEN with a new token";
}

/** All of them. */
export function admissionWarnings(view: View, own: Own): string[] {
  const others = view.refused.filter(({ id }) => id !== view.selfId)
    .map(({ name, why }) => `${name} is not configured: ${why}`);
  const mine = whyOut(view, own) ?? endsSoon(view, own.now);
  return mine === null ? others : [mine, ...others];
}

function endsSoon(view: View, now: number): string | null {
  const self = view.nodes.get(view.selfId)!;
  const set = view.ledger.nodeSettings(view.selfId)?.expires;
  if (set !== undefined && set - now <= SOON.token) {
    return `the membership of this machine ends at ${at(set)}: ask an admin for ghostctl nodes expire ${self.name}`;
  }
  const { method, since, expires } = self.verified.admission;
  // A key that is to be renewed often is not about to end all the time.
  const soon = expires === null || method !== "token" ? SOON[method] : Math.min(SOON[method], (expires - since) / 3);
  if (expires === null || expires - now > soon) return null;
  return RENEWAL[method].replace("END", at(expires));
}

function at(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
