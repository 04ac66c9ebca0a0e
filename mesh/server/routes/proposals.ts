/** GET and POST /v1/proposals: changes that wait for the consent of more admins. */
import { Hono } from "hono";
import { GhostError } from "../../wire/errors.ts";
import { proposalRequest } from "../../wire/proposal.ts";
import { consent, readProposals } from "../../store/mod.ts";
import { APPROVAL_LIFE, proposalId, readApprovals } from "../../trust/approval.ts";
import { type Env, seconds } from "../context.ts";
import { jsonBody, readBody } from "../middleware/body.ts";
import { only, proven } from "../middleware/caller.ts";

export const proposals: Hono<Env> = new Hono<Env>()
  .get("/v1/proposals", proven, only("admin"), async (c) => {
    const { kv } = c.get("deps");
    const { ledger } = c.get("view");
    const all = await readProposals(kv, ledger.network.id);
    return c.json({ proposals: all.filter(({ id }) => !ledger.isCarriedOut(id)) });
  })
  .post("/v1/proposals", readBody, proven, only("admin"), async (c) => {
    const { base, change, approval } = jsonBody(c, proposalRequest);
    const { deps, view: { ledger }, caller } = c.var;
    const { kind, body } = change;
    const net = ledger.network.id;
    const read = (jws: string) => readApprovals({ net, kind, body }, [jws], { place: "body", iat: seconds(deps) });
    const given = await read(approval);
    if (given?.base !== base) throw new GhostError("bad_ledger", "Consents to something else", { place: "body" });
    if (given.keys[0] !== caller.key) throw new GhostError("forbidden", "The consent is another admin's");
    const at = ledger.byHash(base);
    if (at === undefined) {
      throw new GhostError("ledger_moved", "The proposal's base is not in this ledger", { mend: "propose it anew" });
    }
    const id = await proposalId({ net, base, kind, body });
    if (ledger.isCarriedOut(id)) throw new GhostError("ledger_moved", "This proposal was carried out before");
    const before = (await readProposals(deps.kv, net)).find((p) => p.id === id)?.approvals ?? [];
    const signers = new Map(
      await Promise.all(before.map(async (jws) => [jws, (await read(jws))?.keys[0]] as const)),
    );
    await consent(deps.kv, net, {
      id,
      base,
      change,
      consent: { approval, same: (jws) => signers.get(jws) === caller.key },
      expireIn: APPROVAL_LIFE * 1000,
    });
    return c.json({ id });
  });
