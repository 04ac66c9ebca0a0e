/** A new proof of admission for a machine whose daemon does not run. */
import type { MeshClient } from "../../../mesh/client/mod.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { NodeRecord } from "../../../mesh/wire/record.ts";
import { OwnRecord } from "../own_record.ts";
import type { Identity, NetworkState, NodeState } from "../state.ts";

/** What is there and what comes. */
export interface NewProof {
  identity: Identity;
  network: NetworkState;
  /** Signs by the identity. */
  mesh: MeshClient;
  /** Checked as everybody will, as far as this machine can. */
  change: Partial<Pick<NodeRecord, "proof" | "tags">>;
  random: ConstructorParameters<typeof OwnRecord>[0]["random"];
  /** ms since 1970. */
  now(): number;
}

/**
 * Takes a proof into the own record and hands it to the coordinator. What it refuses is given up again: the admission of before
 * may still hold. With `unreachable` the proof stays, for the daemon hands it over as soon as it can.
 * @throws GhostError
 */
export async function takeProof(state: NodeState, o: NewProof): Promise<void> {
  using _lock = await state.lock();
  const own = new OwnRecord({ ...o, state });
  const { proof, tags } = own.record;
  await own.change(o.change);
  try {
    await publish(own, o);
  } catch (error) {
    if (!(error instanceof GhostError && error.code === "unreachable")) await own.change({ proof, tags });
    throw error;
  }
}

async function publish(own: OwnRecord, { mesh, now }: NewProof): Promise<void> {
  try {
    await mesh.publishNode(own.jws);
  } catch (error) {
    if (!(error instanceof GhostError && error.code === "stale_record")) throw error;
    // This folder is an older copy (a restored backup): go on above what the coordinator has.
    await own.change({}, Math.floor(now() / 1000));
    await mesh.publishNode(own.jws);
  }
}
