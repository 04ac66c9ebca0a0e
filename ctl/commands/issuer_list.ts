/** `ghostctl issuer list` */
import { rfc3339 } from "../admin/host.ts";
import { namedIssuers } from "../admin/issuer_keys.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const issuers = namedIssuers(ledger).map((issuer) => ({
    issuer,
    keys: ledger.issuerKeys(issuer).map(({ jwk, seen }) => ({
      kid: jwk.kid ?? null,
      kty: jwk.kty ?? null,
      lastSeen: seen === null ? null : rfc3339(seen),
    })),
  }));
  const rows = issuers.flatMap(({ issuer, keys }) =>
    keys.length === 0
      ? [[issuer, "-", "-", "no key signed: machines go by those that they fetch"]]
      : keys.map((key) => [issuer, key.kid ?? "-", key.kty, key.lastSeen === null ? "in use" : `until ${key.lastSeen}`])
  );
  call.out.answer(
    { issuers },
    () =>
      rows.length === 0
        ? 'no issuers: the policy has no [[admit]] with method = "oidc"'
        : table(["ISSUER", "KEY", "KIND", "COUNTS"], rows, { colour: call.out.colour }),
  );
}
