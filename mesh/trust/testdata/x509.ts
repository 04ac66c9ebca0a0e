/** Proofs by certificates of openssl's, for tests. */
import type { AdmitRule, MtlsAdmit } from "../../wire/admit.ts";
import { type Admission, verifyAdmission } from "../admission/mod.ts";
import { makeX509Proof } from "../admission/x509.ts";
import { network, NOW, signer } from "./network.ts";
import { type Issued, OpenSsl } from "./openssl.ts";

export const ledger = await network();
export const net: string = ledger.network.id;
/** The identity that is admitted. */
export const { public: sub } = await signer("alice");

/** A way in by this CA. */
export function rule(ca: string, change: Partial<MtlsAdmit> = {}): MtlsAdmit {
  return { method: "mtls", ca, user: null, tags: ["tag:office"], crl: [], ...change };
}

/** Whom to admit by what; the record is signed now unless `iat` says otherwise. */
export interface AdmissionCase {
  leaf: Pick<Issued, "cert" | "key">;
  chain?: string[];
  admit: readonly AdmitRule[];
  now?: number;
  iat?: number;
  ledger?: typeof ledger;
}

/** What a proof by this certificate amounts to. */
export async function admitted(o: AdmissionCase): Promise<Admission> {
  const proof = await makeX509Proof({ cert: [o.leaf.cert, ...o.chain ?? []].join("\n"), key: o.leaf.key, net, sub });
  const { now = NOW, iat = now } = o;
  return await verifyAdmission(proof, { key: sub, ledger: o.ledger ?? ledger, now, iat, admit: o.admit });
}

/** Runs a test in a folder of openssl's. */
export function withOpenSsl(name: string, run: (ssl: OpenSsl) => Promise<void>): void {
  Deno.test(name, async () => {
    const ssl = await OpenSsl.open(NOW);
    try {
      await run(ssl);
    } finally {
      await ssl.close();
    }
  });
}
