/** `ghostlink login --auth TOKEN`: a new join token for a machine that is in, whose key is about to expire or has. */
import { MeshClient } from "../../../mesh/client/mod.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { makeTokenProof, verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import { type SigningKey, signingKeyFromSeed } from "../../../mesh/trust/keys.ts";
import { readNodeRecord } from "../../../mesh/trust/record.ts";
import { fromBase64Url } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { decodeToken } from "../../../mesh/wire/token.ts";
import { fetchLedger } from "../join.ts";
import { tellDaemon } from "../local_client.ts";
import { random } from "../random.ts";
import type { NodeState } from "../state.ts";
import { takeProof } from "./take_proof.ts";

/**
 * Takes the token's admission into this machine's record; identity, addresses and name stay.
 * @throws GhostError; the machine's record is then as before, unless the coordinator went away in the middle (take_proof.ts)
 */
export async function renewByToken(
  state: NodeState,
  o: { auth: string; socket: string; now(): number },
): Promise<string> {
  const identity = await state.identity();
  const network = await state.network();
  if (!identity || !network) {
    throw new GhostError("not_admitted", "This machine has not joined a network", {
      place: state.dir,
      mend: "run: ghostlink join --auth TOKEN",
    });
  }
  const { kind } = (await readNodeRecord(network.record)).record.proof;
  if (kind !== "token") {
    throw new GhostError("bad_input", "This machine did not come in by a token", {
      mend: kind === "oidc" ? "type: ghostlink login" : "give it a new certificate",
    });
  }
  const token = decodeToken(o.auth);
  if (token.net !== network.net) {
    throw new GhostError("token_foreign", `The token is of network ${token.net}, this machine is in ${network.net}`, {
      mend: "make a token for this network with: ghostctl token create",
    });
  }
  const grantKey = await signingKeyFromSeed(fromBase64Url(token.key, "token.key"));
  const proof = await makeTokenProof({
    grantKey,
    net: network.net,
    sub: identity.identity.public,
    iat: Math.floor(o.now() / 1000),
  });
  if (!await tellDaemon(o.socket, { path: "/v1/login", body: { admission: proof.jws } })) {
    const client = (key: SigningKey) =>
      new MeshClient({ server: network.server, ca: network.ca, net: network.net, key, now: o.now, random });
    using guest = client(grantKey);
    const ledger = await fetchLedger(guest, token);
    const admit = new AdmitRules().of(ledger.policy);
    const { public: key } = identity.identity;
    await verifyAdmission(proof, { key, ledger, admit, now: Math.floor(o.now() / 1000), fresh: true });
    using mesh = client(identity.identity);
    // A new token may give other tags: those that it gives are taken.
    await takeProof(state, { identity, network, mesh, change: { proof, tags: [] }, random, now: o.now });
  }
  return network.name;
}
