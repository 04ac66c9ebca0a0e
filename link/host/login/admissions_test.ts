import assert from "node:assert/strict";
import { makeTokenProof } from "../../../mesh/trust/admission/mod.ts";
import { ghost } from "../../../mesh/trust/testdata/assert.ts";
import { add, network, nodeRecordOf, NOW, signer } from "../../../mesh/trust/testdata/network.ts";
import { NetworkView } from "../network_view.ts";
import type { OwnRecord } from "../own_record.ts";
import { Admissions } from "./admissions.ts";

Deno.test("Admissions.renew() tells a revoked machine that no token brings it back, though it does not know the token", async () => {
  const ledger = await network();
  const { id, key } = await nodeRecordOf(ledger, "alice");
  const view = new NetworkView({ selfId: id, ledger, now: () => NOW });
  const proof = await makeTokenProof({
    grantKey: await signer("of after"),
    net: ledger.network.id,
    sub: key.public,
    iat: NOW,
  });
  const own = { identity: { identity: key }, change: () => assert.fail("changed") } as unknown as OwnRecord;
  const admissions = new Admissions({ dir: "/nowhere", view: () => view, changed: () => {} });
  await assert.rejects(admissions.renew(proof, own), ghost("not_admitted", /grant is not in the ledger/));
  await add(ledger, "revoke", { what: "node", key: key.public });
  await assert.rejects(admissions.renew(proof, own), ghost("revoked", /ghostctl leave --yes --forget-keys/));
});
