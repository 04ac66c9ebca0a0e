/** A node's view of a network of the trust tests, for tests. */
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { add, admin, network, nodeRecordOf, NOW } from "../../mesh/trust/testdata/network.ts";
import { STARTER_POLICY } from "../../mesh/policy/mod.ts";
import type { NodeRecord } from "../../mesh/wire/record.ts";
import { NetworkView } from "./network_view.ts";

/** A view as `alice` has it, of a network with the starter policy. */
export async function view(policy: string | null = STARTER_POLICY): Promise<NetworkView> {
  const ledger = await network();
  if (policy !== null) await add(ledger, "policy", { format: "toml", source: policy });
  const alice = await nodeRecordOf(ledger, "alice");
  const v = new NetworkView({ selfId: alice.id, ledger, now: () => NOW });
  await v.node(await signNodeRecord(alice.record, alice.key));
  return v;
}

export async function join(v: NetworkView, name: string, change: Partial<NodeRecord> = {}): Promise<string> {
  const node = await nodeRecordOf(v.ledger, name, change);
  await v.node(await signNodeRecord(node.record, node.key));
  return node.id;
}

/** Appends an entry as it would arrive from outside. */
export async function entry(
  v: NetworkView,
  kind: "revoke" | "node" | "policy",
  body: never,
  by = admin,
): Promise<void> {
  await v.entry(await signEntry({ ledger: v.ledger, admin: by, kind, body, iat: NOW }));
}
