/** `ghostlink login --auth TOKEN`: a new join token for a machine that is in, whose key is about to expire or has. */
import { MeshClient } from "../../../mesh/client/mod.ts";
import { makeTokenProof } from "../../../mesh/trust/admission/mod.ts";
import { signingKeyFromSeed } from "../../../mesh/trust/keys.ts";
import { readNodeRecord } from "../../../mesh/trust/record.ts";
import { fromBase64Url } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { decodeToken } from "../../../mesh/wire/token.ts";
import { tellDaemon } from "../local_client.ts";
import { OwnRecord } from "../own_record.ts";
import { random } from "../random.ts";
import type { NodeState } from "../state.ts";

/**
 * Takes the token's admission into this machine's record; identity, addresses and name stay.
 * @throws GhostError; the machine's record is then as before
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
  const proof = await makeTokenProof({
    grantKey: await signingKeyFromSeed(fromBase64Url(token.key, "token.key")),
    net: network.net,
    sub: identity.identity.public,
    iat: Math.floor(o.now() / 1000),
  });
  if (!await tellDaemon(o.socket, { path: "/v1/login", body: { admission: proof.jws } })) {
    using _lock = await state.lock();
    using mesh = new MeshClient({
      server: network.server,
      ca: network.ca,
      net: network.net,
      key: identity.identity,
      now: o.now,
      random,
    });
    const own = new OwnRecord({ state, identity, network, random, now: o.now });
    await own.change({ proof, tags: [] });
    await mesh.publishNode(own.jws);
  }
  return network.name;
}
