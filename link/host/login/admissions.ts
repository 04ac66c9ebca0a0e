/**
 * Keeps the admissions of a running daemon up to date: fetches the signing keys of the identity providers that the policy
 * names, over this machine's own TLS, and looks again at who is admitted when keys, or the hours of a log-in, have changed.
 */
import { readJson, writeSecret } from "../../../mesh/host/state_dir.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { IssuerBook } from "../../../mesh/trust/admission/mod.ts";
import type { IssuerKey } from "../../../mesh/trust/admission/mod.ts";
import { readNodeRecord } from "../../../mesh/trust/record.ts";
import type { Change, NetworkView } from "../network_view.ts";

/** Keys of identity providers, kept in the state folder as issuers.json. */
export function issuerBook(o: { dir: string; fetchJson(url: string): Promise<unknown>; now(): number }): IssuerBook {
  const path = `${o.dir}/issuers.json`;
  return new IssuerBook({
    fetchJson: o.fetchJson,
    now: o.now,
    load: () => readJson(path),
    save: (pages) => writeSecret(path, JSON.stringify(pages)),
  });
}

export class Admissions {
  readonly #o: { book: IssuerBook; view: NetworkView; changed(change: Change): void };
  readonly #rules = new AdmitRules();
  #running: Promise<void> | null = null;

  constructor(o: { book: IssuerBook; view: NetworkView; changed(change: Change): void }) {
    this.#o = o;
  }

  keysOf(issuer: string): readonly IssuerKey[] {
    return this.#o.book.keysOf(issuer);
  }

  /** Looks again; calls that come together share the work. Never throws: an issuer that is away is told by status. */
  review(): Promise<void> {
    return this.#running ??= this.#review().finally(() => this.#running = null);
  }

  async #review(): Promise<void> {
    const { book, view, changed } = this.#o;
    const admit = this.#rules.of(view.ledger.policy);
    for (const rule of admit) if (rule.method === "oidc") await book.refresh(rule.issuer);
    for (const { code, jws } of view.refused) {
      if (code !== "unknown_key") continue;
      const { proof } = (await readNodeRecord(jws)).record;
      if (proof.kind === "oidc") await book.learn(proof.idToken, admit);
    }
    changed(await view.review());
  }
}
