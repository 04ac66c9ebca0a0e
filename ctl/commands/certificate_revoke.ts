/** `ghostctl certificate revoke FILE|NAME`: nobody comes in by it any more, and who did falls. */
import { certificateName } from "../../mesh/trust/admission/x509.ts";
import { CERTIFICATE_NAME } from "../../mesh/wire/admit.ts";
import { readGiven } from "../admin/given_file.ts";
import { AdminNetwork } from "../admin/network.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const certificate = await nameOf(call.args[0]!);
  const network = await AdminNetwork.open(call);
  let changed = false;
  const { ledger } = await network.change((ledger) => {
    changed = !ledger.isRevoked("certificate", certificate);
    return changed ? { kind: "revoke", body: { what: "certificate", key: certificate } } : null;
  });
  call.out.answer(
    { changed, certificate, ledgerSeq: ledger.head.seq },
    () => changed ? `${certificate} is revoked (ledger entry ${ledger.head.seq})` : `${certificate} is revoked already`,
  );
}

async function nameOf(argument: string): Promise<string> {
  if (CERTIFICATE_NAME.test(argument)) return argument;
  const mend = "name the certificate's file (PEM), or write ISSUER-HASH:SERIAL as a refusal shows it";
  const pem = await readGiven(argument, mend);
  return await certificateName(pem, argument);
}
