/** Whether the coordinator's policy draft waits for a signature; asked by `status` on an admin's machine. */
import { hashOf } from "../../mesh/trust/keys.ts";
import type { Call } from "../call.ts";
import { AdminNetwork } from "./network.ts";
import { NetworkStore } from "./store.ts";

/** Milliseconds that the coordinator has for the whole answer; `status` is about this machine and does not wait for others. */
const PATIENCE = 500;

/** The sentence to show; null when there is nothing to say, or nobody to ask in time. */
export async function draftWarning(call: Call, net: string): Promise<string | null> {
  try {
    const store = await NetworkStore.open(call);
    const known = await store.load(net);
    if (known?.state !== "ready") return null;
    const network = new AdminNetwork(known, store);
    const signal = AbortSignal.timeout(PATIENCE);
    const draft = await network.client.draft({ signal });
    if (draft === null) return null;
    const { policy } = await network.ledger({ signal });
    if (policy !== null && await hashOf(policy.source) === await hashOf(draft.source)) return null;
    return "the coordinator's policy draft differs from the policy in force; to sign a file: ghostctl policy push FILE";
  } catch {
    return null; // whatever it is, the verbs that need the coordinator tell it
  }
}
