/**
 * Keeps the proof of a running daemon in step with its certificate: when the file holds another one, a proof is made from it, and
 * taken when it admits. The old proof stays until then, so a renewal that went wrong locks nobody out before the old certificate ends.
 */
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import type { Ledger } from "../../../mesh/trust/ledger.ts";
import { errorLine } from "../../../mesh/wire/errors.ts";
import type { AdmissionProof, NodeRecord } from "../../../mesh/wire/record.ts";
import { type CertificateFiles, certificateFiles, type CertificatePair, proofBy, readPair } from "./certificate.ts";

/** The own record, as far as it matters here (own_record.ts). */
interface Own {
  readonly record: NodeRecord;
  readonly identity: { identity: { public: string } };
  change(change: { proof: AdmissionProof }): Promise<void>;
}

export interface KeeperOptions {
  own: Own;
  ledger(): Ledger;
  warn(message: string, fields: Record<string, unknown>): void;
  /** ms since 1970. */
  now(): number;
}

export class CertificateKeeper {
  readonly #files: CertificateFiles;
  readonly #o: KeeperOptions;
  readonly #rules = new AdmitRules();
  /** What was told last, so that it is told once. */
  #told = "";
  /** The chain that was looked at last and is in use. */
  #seen = "";

  private constructor(files: CertificateFiles, o: KeeperOptions) {
    this.#files = files;
    this.#o = o;
  }

  /** The keeper of a machine that came in by a certificate, else null. */
  static async open(dir: string, o: KeeperOptions): Promise<CertificateKeeper | null> {
    const files = await certificateFiles(dir);
    return files === null ? null : new CertificateKeeper(files, o);
  }

  /** What the files hold now, for TLS; null when they cannot be read. */
  async pair(): Promise<CertificatePair | null> {
    return await readPair(this.#files).catch(() => null);
  }

  /** Takes a certificate that is new; true when the own record has changed. */
  async renew(): Promise<boolean> {
    const { own, ledger, now, warn } = this.#o;
    try {
      const pair = await readPair(this.#files);
      if (pair.cert === this.#seen) return false;
      const net = ledger().network.id;
      const sub = own.identity.identity.public;
      const proof = await proofBy(this.#files, { net, sub, pair });
      const { proof: before } = own.record;
      if (before.kind === "x509" && JSON.stringify(before.chain) === JSON.stringify(proof.chain)) {
        this.#seen = pair.cert;
        return false;
      }
      const admit = this.#rules.of(ledger().policy);
      await verifyAdmission(proof, { key: sub, ledger: ledger(), admit, now: Math.floor(now() / 1000), fresh: true });
      await own.change({ proof });
      this.#told = "";
      this.#seen = pair.cert;
      return true;
    } catch (error) {
      const why = errorLine(error);
      if (why !== this.#told) warn("The certificate's file cannot be used; the certificate before it stays", { why });
      this.#told = why;
      return false;
    }
  }
}
