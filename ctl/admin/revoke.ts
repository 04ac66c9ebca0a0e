/** Revoking a machine, by its key and for good. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { key32 } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { AdminNetwork } from "./network.ts";

/** What to revoke, and how it is found by name or id. */
export interface RevokeOptions {
  what: "node" | "gate";
  find(network: AdminNetwork, ledger: Ledger, wanted: string): Promise<{ key: string; name: string }>;
  effect: string;
  /** Throws when the machine is not to be revoked unasked. */
  guard?(machine: { key: string; name: string }): Promise<void>;
}

/** Revokes the machine that the first argument names; a key of one that is not there any more will do, too. */
export async function revokeMachine(call: Call, { what, find, effect, guard }: RevokeOptions): Promise<void> {
  const wanted = call.args[0]!;
  const reason = call.text("reason");
  if (reason !== undefined && reason.length > 512) throw call.bad("reason", "At most 512 characters");
  const network = await AdminNetwork.open(call);
  let machine = { key: wanted, name: wanted };
  const { ledger, changed } = await network.change(async (ledger) => {
    if (!key32.safeParse(wanted).success) {
      const { key, name } = await find(network, ledger, wanted);
      machine = { key, name };
    }
    if (ledger.isRevoked(what, machine.key)) return null;
    await guard?.(machine);
    return { kind: "revoke", body: { what, key: machine.key, ...(reason === undefined ? {} : { reason }) } };
  });
  call.out.answer(
    { changed, ...machine, ledgerSeq: ledger.head.seq },
    () =>
      changed
        ? `${machine.name} is revoked for good: ${effect} (ledger entry ${ledger.head.seq})`
        : `${machine.name} was revoked before`,
  );
}
