/** Keys of identity providers as this gate has fetched them over its own TLS, kept in its state folder. */
import { readJson, writeSecret } from "../../mesh/host/state_dir.ts";
import { IssuerBook } from "../../mesh/trust/admission/mod.ts";
import { fetchJson } from "../../mesh/wire/fetch_json.ts";

/** The book of the gate whose state lies in `dir`; `now` in ms since 1970. */
export async function openIssuers(dir: string, o: { now(): number }): Promise<IssuerBook> {
  const path = `${dir}/issuers.json`;
  const book = new IssuerBook({
    fetchJson: (url) => fetchJson(url),
    now: () => o.now() / 1000,
    load: () => readJson(path),
    save: (pages) => writeSecret(path, JSON.stringify(pages)),
  });
  await book.ready();
  return book;
}
