/**
 * Joining by a certificate. The proof is checked against the signed policy before anything is asked of the coordinator, so that a
 * certificate which no peer would take is refused here, with the reason.
 */
import { MeshClient } from "../../../mesh/client/mod.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import type { Joined } from "../join.ts";
import type { NodeState } from "../state.ts";
import { absolute, type CertificateFiles, proofBy, readPair, saveCertificateFiles } from "./certificate.ts";
import { joinBy, type TokenlessJoin } from "./tokenless.ts";

/** What `ghostlink join --auth mtls` was told. */
export interface CertificateJoin extends TokenlessJoin {
  files: CertificateFiles;
}

/** Joins a network by a certificate. @throws GhostError in one line for each way it can fail; the state is then as before */
export async function joinByCertificate(state: NodeState, o: CertificateJoin): Promise<Joined> {
  const files = absolute(o.files);
  const pair = await readPair(files);
  const joined = await joinBy(state, o, {
    method: "mtls",
    again: "a certificate that is renewed in its place is taken by itself",
    async prove({ server, ca, net, ledger }, key) {
      const proof = await proofBy(files, { net, sub: key.public, pair });
      const admit = new AdmitRules().of(ledger.policy);
      await verifyAdmission(proof, { key: key.public, ledger, admit, now: Math.floor(o.now() / 1000), fresh: true });
      const certificate = () => Promise.resolve(pair);
      return { proof, client: new MeshClient({ server, ca, net, key, now: o.now, random: o.random, certificate }) };
    },
  });
  await saveCertificateFiles(state.dir, files);
  return joined;
}
