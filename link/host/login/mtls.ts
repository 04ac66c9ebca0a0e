/**
 * Joining by a certificate. The proof is checked against the signed policy before anything is asked of the coordinator, so that a
 * certificate which no peer would take is refused here, with the reason.
 */
import { MeshClient } from "../../../mesh/client/mod.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { enrolBy, type Joined, type Machine } from "../join.ts";
import type { NodeState } from "../state.ts";
import { absolute, type CertificateFiles, proofBy, readPair, saveCertificateFiles } from "./certificate.ts";
import { meet, readServer } from "./first_contact.ts";

/** What `ghostlink join --auth mtls` was told. */
export interface CertificateJoin {
  server: string;
  network: string | undefined;
  files: CertificateFiles;
  name?: string;
  machine: Machine;
  /** Asks a person whether this is the network that is meant; null where there is no terminal. */
  confirm: ((network: { id: string; name: string }) => Promise<boolean>) | null;
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
}

/** Joins a network by a certificate. @throws GhostError in one line for each way it can fail; the state is then as before */
export async function joinByCertificate(state: NodeState, o: CertificateJoin): Promise<Joined> {
  const { server, net } = readServer(o.server, o.network);
  const before = await state.network();
  if (before) {
    throw new GhostError("already_claimed", `This machine belongs to network ${before.net}`, {
      place: state.dir,
      mend: net === undefined || net === before.net
        ? "a certificate that is renewed in its place is taken by itself"
        : "give the other network a folder of its own with --state-dir",
    });
  }
  const files = absolute(o.files);
  const pair = await readPair(files);
  const identity = await state.identityOrNew(o.random);
  const { public: key } = identity.identity;
  const contact = await meet({ ...o, server, net, method: "mtls", key: identity.identity });
  contact.client.close();
  const { ledger } = contact;
  const proof = await proofBy(files, { net: contact.net, sub: key, pair });
  const admit = new AdmitRules().of(ledger.policy);
  await verifyAdmission(proof, { key, ledger, admit, now: Math.floor(o.now() / 1000), fresh: true });
  using client = new MeshClient({
    server: contact.server,
    ca: contact.ca,
    net: contact.net,
    key: identity.identity,
    now: o.now,
    random: o.random,
    certificate: () => Promise.resolve(pair),
  });
  const joined = await enrolBy(state, {
    identity,
    server: contact.server,
    ca: contact.ca,
    ledger,
    client,
    proof,
    machine: o.machine,
    now: o.now,
    ...(o.name === undefined ? {} : { name: o.name }),
  });
  await saveCertificateFiles(state.dir, files);
  return joined;
}
