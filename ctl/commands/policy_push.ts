/** `ghostctl policy push FILE` */
import { AdmitRules, STARTER_POLICY } from "../../mesh/policy/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { readEntry } from "../admin/entries.ts";
import { AdminNetwork } from "../admin/network.ts";
import { policyHash, Pulled } from "../admin/policies.ts";
import { tellChanges } from "../admin/policy_changes.ts";
import { policyBody, readPolicyFile } from "../admin/policy_file.ts";
import { refuseFallen, withoutTokens } from "../admin/verify_records.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const file = call.args[0]!;
  const checked = await readPolicyFile(file, call);
  const body = policyBody(checked);
  const sha256 = await policyHash(body);
  const imports = Object.keys(body.imports ?? {});
  const network = await AdminNetwork.open(call);
  const pulled = new Pulled(network.store, network.known.network.id);
  const given = call.text("base");
  const base = given ?? await pulled.baseOf(file);
  const { ledger, changed } = await network.change(async (ledger) => {
    const { policy } = ledger;
    const now = policy === null ? null : await policyHash(policy);
    if (now === sha256) return null;
    const force = call.flag("force");
    const moved = base !== undefined && now !== base;
    // --base says which one it takes the place of, and --force does not unsay that.
    if (moved && (given !== undefined || !force)) {
      const since = given === undefined
        ? "The policy in force has moved since this file was pulled or pushed"
        : "Another policy than that of --base is in force";
      const forced = given === undefined ? ", or --force to replace whatever it is" : "";
      throw new GhostError("ledger_moved", `${since}: it is entry ${policy?.seq}`, {
        place: file,
        mend:
          `look at it with: ghostctl policy diff ${file}; then take it into your file and add --base ${now}${forced}`,
      });
    }
    // Whatever is said is said before it is signed, and once however often that has to be tried.
    if (force) {
      if (moved || isOthers(ledger, network.known.admin.public)) call.out.remarkOnce(replaces(ledger));
      await tellChanges(checked.policy, { call, network, ledger });
    } else {
      if (base === undefined) refuseOthers(ledger, { file, own: network.known.admin.public, now });
      const mend = "change its [[admit]] or [expiry], or add --force to put them out";
      refuseFallen(await network.under(checked.policy, ledger), { place: file, mend });
    }
    const tokens = withoutTokens(new AdmitRules().of(policy), checked.policy.admit);
    if (tokens !== null) call.out.remarkOnce(tokens);
    if (imports.length > 0) call.out.remarkOnce(`signed with it, for all members to read: ${imports.join(", ")}`);
    return { kind: "policy", body };
  });
  await pulled.remember(file, sha256);
  call.out.answer(
    { changed, sha256, ledgerSeq: ledger.head.seq },
    () => changed ? `${file} is in force (ledger entry ${ledger.head.seq})` : `${file} is in force already`,
  );
}

/** A file that was never pulled does not undo unasked what another admin has signed, unless that is the starter. */
function refuseOthers(ledger: Ledger, { file, own, now }: { file: string; own: string; now: string | null }): void {
  if (!isOthers(ledger, own)) return;
  throw new GhostError(
    "ledger_moved",
    `This file was never pulled, and the policy in force is another admin's: entry ${ledger.policy?.seq}`,
    {
      place: file,
      mend: `see: ghostctl policy diff ${file}; then add --base ${now}, or --force to replace whatever it is`,
    },
  );
}

/** True when the policy in force is one that another admin wrote. */
function isOthers(ledger: Ledger, own: string): boolean {
  const { policy } = ledger;
  return policy !== null && policy.source !== STARTER_POLICY && readEntry(ledger.at(policy.seq)!).signer !== own;
}

/** What --force undoes, in words. */
function replaces(ledger: Ledger): string {
  const { seq } = ledger.policy!;
  const { signer } = readEntry(ledger.at(seq)!);
  const name = ledger.admins.get(signer)?.name || signer;
  return `takes the place of the policy of entry ${seq}, which ${name} signed; to see it: ghostctl policy show ${seq}`;
}
