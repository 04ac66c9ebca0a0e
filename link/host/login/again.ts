/** `ghostlink login`: a new log-in for the machine that this state folder belongs to, with or without its daemon. */
import { MeshClient } from "../../../mesh/client/mod.ts";
import { Ledger } from "../../../mesh/trust/ledger.ts";
import { readNodeRecord } from "../../../mesh/trust/record.ts";
import { issuerOf } from "../../../mesh/trust/admission/mod.ts";
import { issuerSigners } from "../../../mesh/policy/mod.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { decodeJwt } from "jose";
import { tellDaemon } from "../local_client.ts";
import type { NodeState } from "../state.ts";
import { logInFor, type LoginWorld } from "./join.ts";
import { takeProof } from "./take_proof.ts";

/**
 * Logs in again as the same user; answers with who that is.
 * @throws GhostError; the machine's record is then as before, unless the coordinator went away in the middle (take_proof.ts)
 */
export async function logInAgain(state: NodeState, o: LoginWorld & { socket: string }): Promise<string> {
  const identity = await state.identity();
  const network = await state.network();
  if (!identity || !network) {
    throw new GhostError("not_admitted", "This machine has not joined a network", {
      place: state.dir,
      mend: "run: ghostlink join --server HOST#ID --auth oidc",
    });
  }
  const { proof: before } = (await readNodeRecord(network.record)).record;
  if (before.kind !== "oidc") {
    throw new GhostError("bad_input", "This machine did not join by a log-in", { mend: "nothing has to be renewed" });
  }
  const ledger = await Ledger.open(await state.ledger.read(), { net: network.net, issuerSigners });
  const key = identity.identity;
  using mesh = new MeshClient({
    server: network.server,
    ca: network.ca,
    net: network.net,
    key,
    now: o.now,
    random: o.random,
  });
  const { proof, who, subject, told } = await logInFor({ ...o, ledger, key: key.public, machine: network.name, mesh });
  const owner = `${decodeJwt(before.idToken).sub}@${issuerOf(before.idToken)?.issuer}`;
  if (subject !== owner) {
    await told("nobody: this machine belongs to another user");
    throw new GhostError("not_admitted", `This machine belongs to ${owner}, the log-in is ${subject}'s`, {
      mend: "a machine that changes hands joins anew, with a state folder of its own",
    });
  }
  if (!await tellDaemon(o.socket, { path: "/v1/login", body: { idToken: proof.idToken } })) {
    await takeProof(state, { identity, network, mesh, change: { proof }, random: o.random, now: o.now });
  }
  await told(who);
  return who;
}
