/** What an admin says of a machine: `node` entries. The newest stands alone, so each repeats what is to stay. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { VerifiedNode } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import type { Call } from "../call.ts";
import { AdminNetwork, MACHINES } from "./network.ts";
import { type Named, theOne } from "./the_one.ts";

type Settings = LedgerBody<"node">;

/** How `changeNode` ended. */
export interface NodeChange {
  node: Named;
  changed: boolean;
  ledger: Ledger;
}

/** A machine that is in, and what it stands among. */
export interface Among {
  node: VerifiedNode;
  /** All machines that are in. */
  nodes: readonly VerifiedNode[];
  ledger: Ledger;
}

/**
 * Signs what `change` makes of the settings in force for the machine that the first argument names; nothing when they are so
 * already, and where it makes null: an entry by itself vouches for a machine, which is more than a change of nothing.
 */
export async function changeNode(
  call: Call,
  change: (before: Settings, among: Among) => Settings | null,
): Promise<NodeChange> {
  let nodes: VerifiedNode[] = [];
  return await changeFound(call, {
    find: async (network, ledger, wanted) => {
      ({ nodes } = await network.nodes(ledger));
      return theOne(nodes, wanted, MACHINES);
    },
    change: (before, node, ledger) => change(before, { node, nodes, ledger }),
  });
}

/** As `changeNode`, for a machine that may be out, so that it comes in again. */
export async function changeNodeOrOut(call: Call, change: (before: Settings) => Settings | null): Promise<NodeChange> {
  return await changeFound(call, { find: (network, ...wanted) => network.nodeOrOut(...wanted), change });
}

async function changeFound<T extends Named>(call: Call, { find, change }: {
  find(network: AdminNetwork, ledger: Ledger, wanted: string): Promise<T>;
  change(before: Settings, node: T, ledger: Ledger): Settings | null;
}): Promise<NodeChange> {
  const network = await AdminNetwork.open(call);
  let node: T | undefined;
  const { ledger, changed } = await network.change(async (ledger) => {
    node = await find(network, ledger, call.args[0]!);
    if (ledger.isRevoked("node", node.key)) {
      throw new GhostError("revoked", `${node.name} was revoked, which is for good`, {
        mend: "let it join anew: ghostctl token create",
      });
    }
    const before = ledger.nodeSettings(node.id);
    const after = change(before ?? { node: node.id }, node, ledger);
    return after === null || (before && same(before, after)) ? null : { kind: "node", body: after };
  });
  return { node: node!, changed, ledger };
}

function same(a: Settings, b: Settings): boolean {
  const sorted = (s: Settings) => JSON.stringify(Object.entries(s).sort(([x], [y]) => x < y ? -1 : 1));
  return sorted(a) === sorted(b);
}

/** Says how it ended. */
export function reportNode(call: Call, { node, changed, ledger }: NodeChange, o: { is: string; value: object }): void {
  const ledgerSeq = ledger.head.seq;
  call.out.answer(
    { changed, name: node.name, id: node.id, ...o.value, ledgerSeq },
    () => changed ? `${node.name} ${o.is} (ledger entry ${ledgerSeq})` : `${node.name} ${o.is} already`,
  );
}
