/**
 * Keeps the admissions of a running daemon up to date: fetches the signing keys of the identity providers that the policy
 * names, over this machine's own TLS, and looks again at who is admitted when keys, or the hours of a log-in, have changed.
 */
import { readJson, writeSecret } from "../../../mesh/host/state_dir.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { IssuerBook, verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import type { IssuerKey } from "../../../mesh/trust/admission/mod.ts";
import { readNodeRecord, REVOKED_MEND } from "../../../mesh/trust/record.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { fetchJson } from "../../../mesh/wire/fetch_json.ts";
import type { AdmissionProof } from "../../../mesh/wire/record.ts";
import type { Change, NetworkView } from "../network_view.ts";
import type { OwnRecord } from "../own_record.ts";

/** Keys of identity providers, kept in the state folder as issuers.json. */
function issuerBook(o: { dir: string; fetchJson(url: string): Promise<unknown>; now(): number }): IssuerBook {
  const path = `${o.dir}/issuers.json`;
  return new IssuerBook({
    fetchJson: o.fetchJson,
    now: o.now,
    load: () => readJson(path),
    save: (pages) => writeSecret(path, JSON.stringify(pages)),
  });
}

/** What a daemon hands to its admissions. */
export interface AdmissionsOptions {
  /** The state folder. */
  dir: string;
  view(): NetworkView;
  changed(change: Change): void;
}

/** A daemon's look at who is admitted. */
export class Admissions {
  readonly #o: AdmissionsOptions;
  readonly #book: IssuerBook;
  readonly #rules = new AdmitRules();
  #running: Promise<void> | null = null;

  constructor(o: AdmissionsOptions) {
    this.#o = o;
    this.#book = issuerBook({ dir: o.dir, fetchJson: (url) => fetchJson(url), now: seconds });
  }

  /** Reads the keys that were saved. */
  ready(): Promise<void> {
    return this.#book.ready();
  }

  /** Keys known of an issuer. */
  readonly keysOf = (issuer: string): readonly IssuerKey[] => this.#book.keysOf(issuer);

  /** Takes a new proof into the own record. @throws GhostError when it does not hold; the record is then as before */
  async renew(proof: AdmissionProof, own: OwnRecord): Promise<void> {
    const key = own.identity.identity.public;
    const { ledger } = this.#o.view();
    // Before all else: a machine that was revoked is not told what came into the ledger since.
    if (ledger.isRevoked("node", key)) {
      throw new GhostError("revoked", "This machine was revoked", { mend: REVOKED_MEND });
    }
    const admit = this.#rules.of(ledger.policy);
    if (proof.kind === "oidc") await this.#book.learn(proof.idToken, admit);
    await verifyAdmission(proof, { key, ledger, admit, issuerKeys: this.keysOf, now: seconds(), fresh: true });
    // A new token may give other tags: those that it gives are taken.
    await own.change(proof.kind === "token" ? { proof, tags: [] } : { proof });
  }

  /** Looks again; calls that come together share the work. Never throws: an issuer that is away is told by status. */
  review(): Promise<void> {
    return this.#running ??= this.#review().finally(() => this.#running = null);
  }

  async #review(): Promise<void> {
    const view = this.#o.view();
    const book = this.#book;
    const admit = this.#rules.of(view.ledger.policy);
    for (const rule of admit) if (rule.method === "oidc") await book.refresh(rule.issuer);
    for (const { code, jws } of view.refused) {
      if (code !== "unknown_key") continue;
      const { proof } = (await readNodeRecord(jws)).record;
      if (proof.kind === "oidc") await book.learn(proof.idToken, admit);
    }
    this.#o.changed(await view.review());
  }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
