/** `ghostctl policy pull FILE` */
import { GhostError } from "../../mesh/wire/errors.ts";
import { AdminNetwork } from "../admin/network.ts";
import { Pulled, signedPolicy } from "../admin/policies.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const file = call.args[0]!;
  const network = await AdminNetwork.open(call);
  const row = await signedPolicy(await network.ledger(), undefined);
  if (row.format === "ts" && !file.endsWith(".ts")) {
    throw call.wrong("The policy in force is a policy.ts", "name the file so: ghostctl policy pull policy.ts");
  }
  try {
    await Deno.writeTextFile(file, row.body.source, call.flag("force") ? {} : { createNew: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new GhostError("bad_input", "This file is there already", {
        place: file,
        mend: "add --force to replace it",
      });
    }
    throw new GhostError("bad_input", "Cannot write this file", { place: file, cause });
  }
  await new Pulled(network.store, network.known.network.id).remember(file, row.sha256);
  call.out.answer({ file, seq: row.seq, sha256: row.sha256 }, () => `${file} is the policy of ledger entry ${row.seq}`);
  const files = Object.keys(row.body.files ?? {});
  const imports = Object.keys(row.body.imports ?? {});
  if (imports.length > 0) {
    call.out.remark(
      `what it imports is signed with it and not written here: ${imports.join(", ")}; see: ghostctl policy show`,
    );
  }
  if (files.length > 0) {
    call.out.remark(`files that it names are signed with it and not written here: ${files.join(", ")}`);
  }
}
