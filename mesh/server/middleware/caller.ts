/**
 * Who is calling. A request proof shows which key; what that key is to the network follows from the ledger and the stored
 * records, looked up at this very moment. A proof counts once, and is remembered only for keys that have a part in the
 * network, so that strangers cannot fill the store.
 */
import { createMiddleware } from "hono/factory";
import { PROOF_HEADER, requestProof } from "../../wire/api.ts";
import { GhostError } from "../../wire/errors.ts";
import { useProof } from "../../store/mod.ts";
import { nodeIdOf } from "../../trust/keys.ts";
import { verifyRequestProof } from "../../trust/proof.ts";
import { REVOKED_MEND } from "../../trust/record.ts";
import { type Caller, type Ctx, type Env, type Role, seconds } from "../context.ts";
import { payloadOf } from "../slots.ts";
import type { View } from "../view.ts";

/** Sets `caller` and `view`; any key may come. */
export const proven = createMiddleware<Env>(async (c, next) => {
  const { net, replica } = c.get("network");
  const proof = c.req.header(PROOF_HEADER);
  if (proof === undefined) {
    throw new GhostError("unauthorized", "The request has no proof", { place: PROOF_HEADER });
  }
  refuseForeign(proof, net);
  const url = new URL(c.req.url);
  const { key, jti } = await verifyRequestProof(proof, {
    method: c.req.method,
    path: url.pathname + url.search,
    net,
    body: c.get("body") ?? new Uint8Array(),
    now: seconds(c.get("deps")),
  });
  const view = await replica.refresh();
  const id = await nodeIdOf(key);
  c.set("view", view);
  c.set("caller", { key, id, jti, roles: rolesOf(view, { key, id, now: seconds(c.get("deps")) }) });
  await next();
});

/** Lets in those who have one of these roles. */
export function only(...roles: Role[]): ReturnType<typeof createMiddleware<Env>> {
  return createMiddleware<Env>(async (c, next) => {
    const caller = c.get("caller");
    if (!caller.roles.some((role) => roles.includes(role))) throw refusal(c, roles);
    await useOnce(c);
    await next();
  });
}

/** Spends the request's proof. @throws GhostError `replayed` */
export async function useOnce(c: Ctx): Promise<void> {
  await useProof(c.get("deps").kv, c.get("network").net, c.get("caller"));
}

function rolesOf(view: View, { key, id, now }: { key: string; id: string; now: number }): Role[] {
  const roles: Role[] = [];
  if (view.ledger.isAdmin(key)) roles.push("admin");
  const node = view.nodes.get(id);
  if (node?.machine && node.until > now) roles.push("node");
  const gate = view.gates.get(id);
  if (gate?.machine && gate.until > now) roles.push("gate");
  const grant = view.ledger.grant(key);
  if (grant && (grant.expires === null || now <= grant.expires)) roles.push("grant");
  if (view.admit.some((rule) => rule.method === "oidc" && rule.watchers.includes(key))) roles.push("watcher");
  // Who comes without a token reads the ledger before it logs in: where it logs in must not be the coordinator's word.
  if (view.admit.some((rule) => rule.method !== "static")) roles.push("guest");
  return roles;
}

/** Why a key with none of the roles is refused, as exactly as it may know. */
function refusal(c: Ctx, roles: readonly Role[]): GhostError {
  const { key, id, roles: has }: Caller = c.get("caller");
  const { ledger, nodes, gates } = c.get("view");
  for (const what of ["node", "gate", "grant"] as const) {
    if (ledger.isRevoked(what, key)) {
      const mend = what === "node" ? { mend: REVOKED_MEND } : {};
      return new GhostError("revoked", `This ${what === "grant" ? "join token" : what} was revoked`, mend);
    }
  }
  const slot = nodes.get(id) ?? gates.get(id);
  if (slot && slot.stored.grant !== null && ledger.isRevoked("grant", slot.stored.grant)) {
    return new GhostError("revoked", "The join token that admitted this machine was revoked", {
      mend: "join again with a new one",
    });
  }
  if (slot?.machine) {
    return has.some((role) => role !== "guest")
      ? forbidden(roles)
      : new GhostError("not_admitted", "This machine's record has expired", {
        mend: "publish a new one, or ask an admin to extend its membership",
      });
  }
  if (slot) {
    return new GhostError("not_admitted", "This machine's record no longer holds", { mend: "publish a new one" });
  }
  const grant = ledger.grant(key);
  if (grant?.expires && !has.includes("grant")) {
    return new GhostError(
      "token_expired",
      `The join token expired at ${new Date(grant.expires * 1000).toISOString()}`,
      {
        mend: "make a new one with: ghostctl token create",
      },
    );
  }
  if (has.some((role) => role !== "guest")) return forbidden(roles);
  return new GhostError("unauthorized", "This key has no part in the network", { mend: "join with a token first" });
}

function forbidden(roles: readonly Role[]): GhostError {
  return new GhostError("forbidden", `Only for: ${roles.join(", ")}`);
}

/** A proof for another network is most often a token or a server address mixed up: say so. */
function refuseForeign(proof: string, net: string): void {
  let meant: string;
  try {
    meant = payloadOf(proof, requestProof).net;
  } catch {
    return; // whatever is wrong with it, verifyRequestProof says
  }
  if (meant === net) return;
  throw new GhostError("wrong_network", `This coordinator serves network ${net}, the request is for ${meant}`, {
    mend: "check the server's address, and which network the token or key is for",
  });
}
