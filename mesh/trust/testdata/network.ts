/** A small network for tests: keys that follow from their names, so that everything signed is the same in every run. */
import { plainGenesis, plainGrant, plainRecord } from "./plain.ts";
import { toBase64Url } from "../../wire/encoding.ts";
import type { LedgerBody, LedgerKind } from "../../wire/ledger.ts";
import type { GateRecord, NodeRecord } from "../../wire/record.ts";
import { ipv4Of, ipv6Of } from "../address.ts";
import { makeTokenProof } from "../admission/mod.ts";
import { type BoxKey, boxKeyFromSeed, nodeIdOf, sha256, type SigningKey, signingKeyFromSeed } from "../keys.ts";
import { Ledger, signEntry } from "../ledger.ts";

/** The time in which the tests play, in seconds. */
export const NOW = 1_700_000_000;

/** The signing key with this name. */
export async function signer(name: string): Promise<SigningKey> {
  return await signingKeyFromSeed(await sha256(`sign ${name}`));
}

/** The X25519 key with this name. */
export async function boxer(name: string): Promise<BoxKey> {
  return await boxKeyFromSeed(await sha256(`box ${name}`));
}

export const admin = await signer("admin");
export const second = await signer("second admin");
export const grantKey = await signer("grant");
export const gateGrantKey = await signer("gate grant");

/** Genesis of the test network, signed by `admin`. */
export async function genesis(change: Partial<LedgerBody<"genesis">> = {}, by = admin): Promise<string> {
  const body = { ...plainGenesis("home", admin.public, toBase64Url(await sha256("salt"))), ...change };
  return await signEntry({ ledger: null, admin: by, kind: "genesis", body, iat: NOW });
}

/** Signs and appends the next entry. */
export async function add<K extends LedgerKind>(
  ledger: Ledger,
  kind: K,
  body: LedgerBody<K>,
  iat = NOW,
): Promise<string> {
  const jws = await signEntry({ ledger, admin, kind, body, iat });
  await ledger.append(jws);
  return jws;
}

/** A grant as most tests want it. */
export function grantOf(key: SigningKey, change: Partial<LedgerBody<"grant">> = {}): LedgerBody<"grant"> {
  return plainGrant(key.public, { tags: ["tag:web", "tag:db"], expires: NOW + 3600, uses: 1, ...change });
}

/** A ledger with genesis, a grant for nodes and one for gates. */
export async function network(): Promise<Ledger> {
  const ledger = await Ledger.open([await genesis()]);
  await add(ledger, "grant", grantOf(grantKey));
  await add(ledger, "grant", grantOf(gateGrantKey, { gate: true, tags: [] }));
  return ledger;
}

/** The record that the node with this name would make. */
export async function nodeRecordOf(
  ledger: Ledger,
  name: string,
  change: Partial<NodeRecord> = {},
): Promise<{ key: SigningKey; id: string; record: NodeRecord }> {
  const key = await signer(name);
  const id = await nodeIdOf(key.public);
  const net = ledger.network.id;
  const record = plainRecord({
    net,
    iat: NOW,
    name,
    wg: (await boxer(`${name} wg`)).public,
    seal: (await boxer(`${name} seal`)).public,
    ipv6: await ipv6Of(net, id),
    ipv4: await ipv4Of(net, id, 0, ledger.network.ipv4),
    proof: await makeTokenProof({ grantKey, net, sub: key.public, iat: NOW }),
    ...change,
  });
  return { key, id, record };
}

/** The record that the gate with this name would make. */
export async function gateRecordOf(
  ledger: Ledger,
  name: string,
  change: Partial<GateRecord> = {},
): Promise<{ key: SigningKey; id: string; record: GateRecord }> {
  const key = await signer(name);
  const net = ledger.network.id;
  const record: GateRecord = {
    v: 1,
    net,
    seq: 1,
    iat: NOW,
    exp: NOW + 86_400,
    name,
    region: "eu",
    hosts: ["gate.example.com", "192.0.2.1", "2001:db8::1"],
    quic: 3478,
    stun: 3479,
    cert: toBase64Url(await sha256("certificate")),
    version: "0.1.0",
    proof: await makeTokenProof({ grantKey: gateGrantKey, net, sub: key.public, iat: NOW }),
    ...change,
  };
  return { key, id: await nodeIdOf(key.public), record };
}
