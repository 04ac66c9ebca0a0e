/** `ghostctl policy history` */
import { AdminNetwork } from "../admin/network.ts";
import { signedPolicies } from "../admin/policies.ts";
import type { Call } from "../call.ts";
import { table } from "../output/text.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const policies = (await signedPolicies(await network.ledger())).map(({ body, ...row }) => ({
    ...row,
    characters: body.source.length,
  }));
  call.out.answer({ policies }, () =>
    table(
      ["ENTRY", "TIME", "BY", "FORMAT", "SIZE", "IN FORCE", "SHA-256"],
      policies.map((p) => [
        String(p.seq),
        p.time,
        p.by.join(", "),
        p.format,
        String(p.characters),
        p.inForce ? "yes" : "",
        p.sha256,
      ]),
      { colour: call.out.colour },
    ));
}
