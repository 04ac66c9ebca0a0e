/** `ghostctl issuer pin ISSUER`: signs the provider's keys into the ledger, for machines that cannot fetch or never saw them. */
import { GhostError } from "../../mesh/wire/errors.ts";
import { fetchKeys, fileKeys, namedIssuers } from "../admin/issuer_keys.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const issuer = call.args[0]!;
  const file = call.text("file");
  const network = await AdminNetwork.open(call);
  const named = namedIssuers(await network.ledger());
  if (!named.includes(issuer)) {
    throw new GhostError("not_found", `No [[admit]] of the policy names the issuer "${issuer}"`, {
      mend: named.length === 0 ? "name it in the policy first" : `it names: ${named.join(", ")}`,
    });
  }
  const jwks = file === undefined ? await fetchKeys(issuer) : await fileKeys(file);
  if (jwks.length === 0) {
    throw new GhostError("bad_input", "No key that could sign an ID token", { place: file ?? issuer });
  }
  const names = (keys: readonly unknown[]) => keys.map((key) => JSON.stringify(key)).sort().join();
  const { ledger, changed } = await network.change((ledger) => {
    const now = ledger.issuerKeys(issuer).filter(({ seen }) => seen === null).map(({ jwk }) => jwk);
    return names(now) === names(jwks)
      ? null
      : { kind: "issuer", body: { issuer, jwks: jwks.map((jwk) => ({ ...jwk })) } };
  });
  const keys = jwks.map(({ kid, kty }) => ({ kid: kid ?? null, kty }));
  call.out.answer({ changed, issuer, keys, ledgerSeq: ledger.head.seq }, () => {
    const what = keys.length === 1 ? "1 key" : `${keys.length} keys`;
    return changed
      ? `${what} of ${issuer} signed (ledger entry ${ledger.head.seq})`
      : `${what} of ${issuer}: signed already`;
  });
}
