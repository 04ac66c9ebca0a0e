/**
 * Enrolment: from a join token to a state folder that `run` can start from. Trust begins with the token, never with the
 * coordinator's word: the token names the network (the hash of its genesis), a ledger entry that the server must know, and
 * the coordinator's CA. Nothing is written before the coordinator has accepted the node, except the node's own keys.
 */
import {
  collectLedger,
  type HttpConnection,
  MeshClient,
  parseServer,
  pinCa,
  serverText,
} from "../../mesh/client/mod.ts";
import { AdmitRules, issuerSigners } from "../../mesh/policy/mod.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { ipv4Of, ipv6Of } from "../../mesh/trust/address.ts";
import { nodeIdOf, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { keepWhole, openKept } from "../../mesh/trust/kept_ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { readNodeRecord, signNodeRecord, verifyNodeRecord } from "../../mesh/trust/record.ts";
import { MAX_CLOCK_SKEW } from "../../mesh/wire/api.ts";
import { type Bytes, fromBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { AdmissionProof, NodeRecord } from "../../mesh/wire/record.ts";
import { decodeToken, type JoinToken } from "../../mesh/wire/token.ts";
import type { Identity, NetworkState, NodeState } from "./state.ts";

/** A record is good for this long, in seconds; the daemon renews it at half. */
export const RECORD_LIFETIME = 30 * 86_400;

/** The machine, as its record tells. */
export interface Machine {
  hostname: string;
  os: string;
  version: string;
  /** Host keys of its SSH server. */
  ssh?: readonly string[];
}

/** What `join` needs besides the state folder. */
export interface JoinOptions {
  auth: string;
  /** Overrides the token's server. */
  server?: string;
  /** The name to ask for; without one the host's, made free by a number if need be. */
  name?: string;
  machine: Machine;
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
  /** Rejects with what this machine lacks to go on as the daemon of this identity: then the token is not spent. */
  ready?(who: { id: string; net: string }): Promise<void>;
  /** Takes over the connections to the coordinator once this machine is in; without it they are closed. */
  keep?(connection: HttpConnection): void;
}

/** What came out: who this machine is in the network. */
export interface Joined {
  network: NetworkState;
  id: string;
  addresses: string[];
}

/**
 * Joins, or finds that this identity has joined that network already.
 * @throws GhostError with one line for each way it can fail; the state is then as before
 */
export async function join(state: NodeState, o: JoinOptions): Promise<Joined> {
  const token = decodeToken(o.auth);
  const before = await state.network();
  if (before && before.net !== token.net) {
    throw new GhostError(
      "wrong_network",
      `This machine belongs to network ${before.net}, the token is of ${token.net}`,
      {
        mend: "give the other network a folder of its own with --state-dir",
      },
    );
  }
  const server = parseServer(o.server ?? token.server);
  const identity = await state.identityOrNew(o.random);
  const id = await nodeIdOf(identity.identity.public);
  // Beside the questions to the coordinator, none of which spends anything.
  const ready = Promise.resolve(o.ready?.({ id, net: token.net }));
  ready.catch(() => {});
  if (before) {
    const ledger = await openKept(state.ledger, { net: before.net, issuerSigners });
    const record = await ownRecord(before.record, ledger, Math.floor(o.now() / 1000));
    await ready;
    return { network: before, id, addresses: addressesOf(record) };
  }
  const ca = token.ca === undefined ? undefined : await pinCa(server, token.ca);
  const client = (key: SigningKey, connection?: HttpConnection) =>
    new MeshClient({
      server: serverText(server),
      ...(ca === undefined ? {} : { ca }),
      net: token.net,
      key,
      now: o.now,
      random: o.random,
      connection,
    });
  const grantKey = await signingKeyFromSeed(fromBase64Url(token.key, "token.key"));
  const asGuest = client(grantKey);
  const { connection } = asGuest;
  try {
    const asked = fetchLedger(asGuest, token);
    asked.catch(() => {});
    await checkServer(asGuest, token, o.now()); // what it finds says more than how the ledger fails
    const ledger = await asked;
    await ready;
    const iat = Math.floor(o.now() / 1000);
    const proof = await makeTokenProof({ grantKey, net: token.net, sub: identity.identity.public, iat });
    const joined = await enrolBy(state, {
      identity,
      server: serverText(server),
      ca: ca ?? null,
      ledger,
      client: client(identity.identity, connection),
      proof,
      machine: o.machine,
      now: o.now,
      ...(o.name === undefined ? {} : { name: o.name }),
    });
    if (o.keep) o.keep(connection);
    else connection.close();
    return joined;
  } catch (error) {
    connection.close();
    throw error;
  }
}
/** The record of a machine that is in; what speaks against it is thrown. */
async function ownRecord(jws: string, ledger: Ledger, now: number): Promise<NodeRecord> {
  try {
    return (await verifyNodeRecord(jws, { ledger, now, admit: new AdmitRules().of(ledger.policy) })).record;
  } catch (error) {
    // Only the daemon and an admin's entries have the keys of identity providers: without them nothing speaks against a log-in.
    if (!(error instanceof GhostError && error.code === "unknown_key")) throw error;
    return (await readNodeRecord(jws)).record;
  }
}

/** What is known once there is a proof that admits. */
export interface Enrolment {
  identity: Identity;
  server: string;
  ca: string | null;
  ledger: Ledger;
  /** Signs by the identity. */
  client: MeshClient;
  proof: AdmissionProof;
  name?: string;
  machine: Machine;
  /** ms since 1970. */
  now(): number;
}

/** Publishes the first record and saves what the daemon starts from. */
export async function enrolBy(state: NodeState, o: Enrolment): Promise<Joined> {
  const { identity, ledger } = o;
  const id = await nodeIdOf(identity.identity.public);
  const net = ledger.network.id;
  const now = Math.floor(o.now() / 1000);
  const record: NodeRecord = {
    v: 1,
    net,
    // By the clock: a join that was cut short may have left a record at the coordinator that this one has to overtake.
    seq: now,
    iat: now,
    exp: now + RECORD_LIFETIME,
    name: o.name ?? labelOf(o.machine.hostname),
    wg: identity.wg.public,
    seal: identity.seal.public,
    ipv6: await ipv6Of(net, id),
    ipv4: null,
    gates: [],
    routes: [],
    tags: [],
    os: o.machine.os,
    version: o.machine.version,
    proof: o.proof,
  };
  const ssh = (await state.settings()).ssh ? o.machine.ssh ?? [] : [];
  if (ssh.length > 0) record.ssh = [...ssh];
  const published = await publish(o.client, { record, identity, ledger, id, fixedName: o.name !== undefined });
  const network: NetworkState = {
    server: o.server,
    ca: o.ca,
    net,
    name: published.record.name,
    ipv4Counter: published.counter,
    record: published.jws,
    seq: published.record.seq,
  };
  await keepWhole(state.ledger, ledger);
  await state.saveNetwork(network);
  return { network, id, addresses: addressesOf(published.record) };
}

async function checkServer(client: MeshClient, token: JoinToken, now: number): Promise<void> {
  const info = await client.info();
  const skew = Math.round(now / 1000 - info.time);
  if (Math.abs(skew) > MAX_CLOCK_SKEW) {
    throw new GhostError(
      "clock_skew",
      `This machine's clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} the coordinator's`,
      { mend: "set the clock (for example: timedatectl set-ntp true) and join again" },
    );
  }
  if (!info.network) {
    throw new GhostError("not_claimed", "The coordinator has no network yet", { mend: "run: ghostctl init" });
  }
  if (info.network.id !== token.net) {
    throw new GhostError(
      "token_foreign",
      `The token is of network ${token.net}, the server's network is ${info.network.id}`,
      {
        mend: "make a token for this network with: ghostctl token create",
      },
    );
  }
}

/**
 * The ledger, with the entry in it that a token names.
 * @throws GhostError `ledger_rollback` without that entry, and as `collectLedger`
 */
export async function fetchLedger(client: MeshClient, token: JoinToken): Promise<Ledger> {
  const ledger = await collectLedger(client, { net: token.net, issuerSigners });
  if ((await ledger.hashAt(token.head.seq)) !== token.head.hash) {
    throw new GhostError(
      "ledger_rollback",
      "The server's ledger lacks an entry that was there when the token was made",
      {
        place: `ledger entry ${token.head.seq}`,
        mend: "ask the network's admin: the server is behind or is hiding entries",
      },
    );
  }
  return ledger;
}

/** Publishes the first record; a name that was not asked for by the user and an IPv4 address give way to who had them first. */
async function publish(
  client: MeshClient,
  o: { record: NodeRecord; identity: Identity; ledger: Ledger; id: string; fixedName: boolean },
): Promise<{ record: NodeRecord; jws: string; counter: number }> {
  const base = o.record.name;
  let counter = 0;
  let attempt = 1;
  let { seq } = o.record;
  while (true) {
    const ipv4 = await ipv4Of(o.record.net, o.id, counter, o.ledger.network.ipv4);
    const name = attempt === 1 ? base : `${base.slice(0, 60)}-${attempt}`;
    const record = { ...o.record, seq, ipv4, name };
    const jws = await signNodeRecord(record, o.identity.identity);
    try {
      await client.publishNode(jws);
      return { record, jws, counter };
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      if (error.code === "address_taken" && counter < 15) counter++;
      else if (error.code === "name_taken" && !o.fixedName && attempt < 99) attempt++;
      // The answer to an earlier try was lost: the coordinator has this identity already, so go on above that record.
      else if (error.code === "stale_record" && seq === o.record.seq) seq = Math.max(seq + 1, o.record.iat);
      else throw error;
    }
  }
}

/** Addresses of a record, IPv4 first. */
export function addressesOf(record: Pick<NodeRecord, "ipv4" | "ipv6">): string[] {
  return [...(record.ipv4 === null ? [] : [record.ipv4]), record.ipv6];
}

/** A host's name as a DNS label. */
export function labelOf(hostname: string): string {
  const label = hostname.toLowerCase().split(".")[0]!.replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63);
  return label.replace(/-+$/, "") || "node";
}
