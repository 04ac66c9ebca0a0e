/** Statements that an attacker with keys of its own and everybody's public statements can make up. */
import { ipv4Of, ipv6Of } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { signJws } from "../../mesh/trust/jws.ts";
import {
  type BoxKey,
  boxKeyFromSeed,
  nodeIdOf,
  sha256,
  type SigningKey,
  signingKeyFromSeed,
  toWgKey,
} from "../../mesh/trust/keys.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { plainGenesis, plainGrant } from "../../mesh/trust/testdata/plain.ts";
import { toBase64Url, utf8 } from "../../mesh/wire/encoding.ts";
import { LEDGER_TYP, type LedgerBody, type LedgerKind } from "../../mesh/wire/ledger.ts";
import { type AdmissionProof, NODE_TYP, type NodeRecord } from "../../mesh/wire/record.ts";
import { edited, malleated, payloadOf, spellings, unsigned } from "./forge.ts";

/** The attacker's own keys. */
export interface Attacker {
  sign: SigningKey;
  box: BoxKey;
  id: string;
  /** As `wg show` writes it. */
  wg: string;
}

/** An attacker with this name; the same in every run. */
export async function attacker(name = "mallory"): Promise<Attacker> {
  const sign = await signingKeyFromSeed(await sha256(`attacker ${name}`));
  const box = await boxKeyFromSeed(await sha256(`attacker box ${name}`));
  return { sign, box, id: await nodeIdOf(sign.public), wg: toWgKey(box.public) };
}

const now = () => Math.floor(Date.now() / 1000);

/** A record of the attacker's, correct but for its admission. */
export async function ownRecord(a: Attacker, ledger: Ledger, over: Record<string, unknown>): Promise<string> {
  const net = ledger.network.id;
  const record = {
    v: 1,
    net,
    seq: 1,
    iat: now(),
    exp: now() + 86_400,
    name: "mallory",
    wg: a.box.public,
    seal: a.box.public,
    ipv6: await ipv6Of(net, a.id),
    ipv4: await ipv4Of(net, a.id, 0, ledger.network.ipv4),
    gates: [],
    routes: [],
    tags: [],
    os: "linux",
    version: "0.1.0",
    ...over,
  };
  return await signJws(record, { typ: NODE_TYP, key: a.sign });
}

/** Records that would bring the attacker's machine in. */
export async function injections(a: Attacker, ledger: Ledger, victim: string): Promise<string[]> {
  const record = payloadOf<NodeRecord>(victim);
  const net = ledger.network.id;
  const sub = a.sign.public;
  const own = await makeTokenProof({ grantKey: a.sign, net, sub, iat: now() });
  const [grant] = ledger.grants.keys();
  const claims = { v: 1, net, sub, iat: now() };
  const header = { alg: "none", typ: "ghostmesh-admission+jwt", jwk: { kty: "OKP", crv: "Ed25519", x: grant! } };
  const stolen = record.proof as Extract<AdmissionProof, { kind: "token" }>;
  const token = (jws: string) => ({ kind: "token", jws });
  const proofs = [
    own,
    stolen,
    token(edited(stolen.jws, { sub })),
    token(unsigned(header, claims)),
    token(unsigned({ ...header, alg: "EdDSA" }, claims)),
    token([unsigned({ ...header, alg: "EdDSA" }, claims).split(".")[0], ...own.jws.split(".").slice(1)].join(".")),
    { kind: "oidc", idToken: unsigned({ alg: "none" }, { iss: "https://accounts.example", sub: "ann", nonce: "x" }) },
    { kind: "x509", chain: ["AAAA"], signature: "AAAA" },
  ];
  const records = await Promise.all(proofs.map((proof) => ownRecord(a, ledger, { proof })));
  return [...records, edited(victim, { wg: a.box.public, seal: a.box.public, name: "mallory" })];
}

/** Ways to change what a member's record says: under its own signature, under another, under none. */
export async function twists(a: Attacker, victim: string, change: Partial<NodeRecord>): Promise<string[]> {
  const value = { ...payloadOf<NodeRecord>(victim), seq: payloadOf<NodeRecord>(victim).seq + 50, ...change };
  const [header] = victim.split(".");
  const mine = await signJws(value, { typ: NODE_TYP, key: a.sign });
  const parsed = JSON.parse(atob(header!.replace(/-/g, "+").replace(/_/g, "/")));
  const changed = edited(victim, value);
  return [
    changed,
    malleated(changed),
    ...spellings(changed),
    mine,
    [header, ...mine.split(".").slice(1)].join("."),
    unsigned({ ...parsed, alg: "none" }, value),
    unsigned(parsed, value),
    await signJws(value, { typ: LEDGER_TYP, key: a.sign }),
  ];
}

/** Ledger entries that nobody with a right signed, for the place after `ledger`'s head. */
export async function falseEntries(a: Attacker, ledger: Ledger): Promise<string[]> {
  const grant: LedgerBody<"grant"> = plainGrant(a.sign.public);
  const bodies: [LedgerKind, LedgerBody][] = [
    ["grant", grant],
    ["grant", { ...grant, gate: true }],
    ["policy", { format: "toml", source: '[[allow]]\nfrom = ["*"]\nto = ["*", "0.0.0.0/0"]\n' }],
    ["route", { op: "add", prefix: "10.1.0.0/16", node: a.id, metric: 0, snat: true }],
    ["node", { node: a.id, name: "alice" }],
    ["admin", { op: "add", key: a.sign.public, name: "mallory", quorum: 1 }],
    ["gate", { key: a.sign.public, name: "gate", region: "", addresses: ["203.0.113.66"] }],
    ["drain", { gate: a.sign.public, on: true }],
    ["issuer", { issuer: "https://evil.example", jwks: [] }],
  ] as [LedgerKind, LedgerBody][];
  const out: string[] = [];
  for (const [kind, body] of bodies) {
    const mine = await signEntry({ ledger, admin: a.sign, kind, body: body as never, iat: now() });
    out.push(mine);
    // The admin's header over the attacker's words, and an admin's old words changed.
    const genuine = ledger.entries.at(-1)!;
    out.push([genuine.split(".")[0], ...mine.split(".").slice(1)].join("."));
    out.push(edited(genuine, payloadOf<object>(mine)));
    const header = JSON.parse(atob(genuine.split(".")[0]!.replace(/-/g, "+").replace(/_/g, "/")));
    out.push(unsigned({ ...header, alg: "none" }, payloadOf<object>(mine)));
  }
  return out;
}

/** A whole network of the attacker's own. */
export async function foreignChain(a: Attacker): Promise<string[]> {
  const { Ledger } = await import("../../mesh/trust/ledger.ts");
  const body = plainGenesis("home", a.sign.public, toBase64Url(await sha256(utf8("another network"))));
  const genesis = await signEntry({ ledger: null, admin: a.sign, kind: "genesis", body, iat: now() });
  const ledger = await Ledger.open([genesis]);
  const grant = plainGrant(a.sign.public);
  const entry = await signEntry({ ledger, admin: a.sign, kind: "grant", body: grant, iat: now() });
  return [genesis, entry];
}
