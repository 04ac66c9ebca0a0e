/**
 * A gate's way into a network by a join token: the ledger is fetched by the grant's key and checked against the token before
 * anything is believed, then the identity key is admitted and the gate's record published. Nothing about the network is
 * saved before the coordinator has taken the record, so a refusal changes nothing.
 */
import { AdmitRules, issuerSigners } from "../../mesh/policy/mod.ts";
import { collectLedger, MeshClient, parseServer, pinCa } from "../../mesh/client/mod.ts";
import { serverText } from "../../mesh/client/server_address.ts";
import { networkPrefix6 } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { keepWhole } from "../../mesh/trust/kept_ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { verifyGateRecord } from "../../mesh/trust/record.ts";
import { type Bytes, fromBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { decodeToken, type JoinToken } from "../../mesh/wire/token.ts";
import { type GateFacts, makeRecord, readOwnRecord } from "./publisher.ts";
import type { GateState, NetworkState } from "./state.ts";

const MEND = "make a token for gates with: ghostctl token create --gate";

export interface EnrolOptions {
  /** The token's text. */
  auth: string;
  /** Where the coordinator is, if not where the token says. */
  server: string | undefined;
  state: GateState;
  key: SigningKey;
  /** What the record says, given the network's own prefixes. */
  facts(overlay: string[]): GateFacts;
  now(): number;
  random(n: number): Bytes;
}

/**
 * Admits this gate. A token of the network and grant that it has already changes nothing.
 * @throws GhostError, in one line: a token that is malformed, expired, used up, revoked or for nodes; another network; a clock
 * that is off; a coordinator that cannot be reached, is not the pinned one, or shows an older ledger than the token knows
 */
export async function enrol(o: EnrolOptions): Promise<NetworkState> {
  const token = decodeToken(o.auth);
  const grantKey = await signingKeyFromSeed(fromBase64Url(token.key));
  const before = await o.state.network();
  if (before && before.net !== token.net) {
    throw new GhostError("wrong_network", `This gate belongs to network ${before.net}, the token is for ${token.net}`, {
      place: o.state.dir,
      mend: "give it a state folder of its own with --state-dir",
    });
  }
  if (before?.grant === grantKey.public) return before;
  const url = parseServer(o.server ?? token.server);
  const server = serverText(url);
  const ca = token.ca === undefined ? null : await pinCa(url, token.ca);
  const common = { server, ca, net: token.net, now: o.now, random: o.random };
  const ledger = await fetchLedger(new MeshClient({ ...common, key: grantKey }), token);
  checkGrant(ledger, grantKey.public, o.now() / 1000);
  const now = Math.floor(o.now() / 1000);
  const proof = await makeTokenProof({ grantKey, net: token.net, sub: o.key.public, iat: now });
  const record = await makeRecord({
    facts: o.facts(await overlayOf(ledger)),
    net: token.net,
    key: o.key,
    proof,
    before: before ? readOwnRecord(before.record) : null,
    now,
  });
  await verifyGateRecord(record, { ledger, now, admit: new AdmitRules().of(ledger.policy) });
  using client = new MeshClient({ ...common, key: o.key });
  await client.publishGate(record);
  const network = { server, ca, net: token.net, grant: grantKey.public, proof, record, published: true };
  await keepWhole(o.state.ledger, ledger);
  await o.state.saveNetwork(network);
  return network;
}

/** The prefixes that lie inside the network. */
export async function overlayOf(ledger: Ledger): Promise<string[]> {
  return [await networkPrefix6(ledger.network.id), ledger.network.ipv4];
}

async function fetchLedger(client: MeshClient, token: JoinToken): Promise<Ledger> {
  using _ = client;
  const ledger = await collectLedger(client, { net: token.net, issuerSigners });
  const { seq, hash } = token.head;
  if (ledger.head.seq < seq) {
    throw new GhostError("ledger_rollback", "The coordinator shows an older ledger than the token knows of", {
      place: `entry ${seq}`,
      mend: "tell an admin: the coordinator lost entries, or hides them",
    });
  }
  if (ledger.hashAt(seq) !== hash) {
    throw new GhostError("ledger_fork", "The coordinator shows another ledger than the token knows of", {
      place: `entry ${seq}`,
      mend: "tell an admin: somebody signed two entries in one place",
    });
  }
  return ledger;
}

/** Tells at once, and in words about the token, what the coordinator and every node would refuse. */
function checkGrant(ledger: Ledger, key: string, now: number): void {
  const refuse = (code: "revoked" | "token_foreign" | "token_expired", message: string) =>
    new GhostError(code, message, { place: "--auth", mend: MEND });
  if (ledger.isRevoked("grant", key)) throw refuse("revoked", "The token was revoked");
  const grant = ledger.grant(key);
  if (!grant) throw refuse("token_foreign", "The token's grant is not in this network's ledger");
  if (!grant.gate) throw refuse("token_foreign", "The token admits nodes, not gates");
  if (grant.expires !== null && now > grant.expires) {
    throw refuse("token_expired", `The token expired at ${new Date(grant.expires * 1000).toISOString()}`);
  }
}
