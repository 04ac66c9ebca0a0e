/**
 * What machines say of themselves: node records and gate records, compact JWS by the machine's own identity key
 * (in the header's `jwk`), each with an admission proof that says why this identity belongs to the network.
 */
import { jws, key32, label, networkId, nodeId, port, prefix, seconds, tag, z } from "./schema.ts";
import { sshKeys } from "./ssh_key.ts";

/** The `typ` of a node record. */
export const NODE_TYP = "ghostmesh-node+jwt";
/** The `typ` of a gate record. */
export const GATE_TYP = "ghostmesh-gate+jwt";
/** The grant key's signature over an identity key; payload `AdmissionClaims`. */
export const ADMISSION_TYP = "ghostmesh-admission+jwt";

/** Why an identity belongs here. A verifier per kind lives in mesh/trust/admission; unknown kinds are refused. */
export const admissionProof = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("token"), jws }),
  z.strictObject({ kind: z.literal("oidc"), idToken: jws }),
  z.strictObject({
    kind: z.literal("x509"),
    chain: z.array(z.string().max(16_384)).min(1).max(8),
    signature: z.string().max(2048),
  }),
]);
export type AdmissionProof = z.infer<typeof admissionProof>;

/** Payload of the token kind's JWS. `sub` is the admitted identity key. */
export const admissionClaims = z.strictObject({ v: z.literal(1), net: networkId, sub: key32, iat: seconds });

/** What every record begins with. A higher `seq` replaces a lower one. */
const head = {
  v: z.literal(1),
  net: networkId,
  seq: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  iat: seconds,
  exp: seconds,
  name: label,
};

/** A node's statement about itself. */
export const nodeRecord = z.strictObject({
  ...head,
  /** WireGuard's public key in use (X25519). */
  wg: key32,
  /** The next one, announced so that peers can acknowledge it before it is used. */
  wgNext: key32.optional(),
  /** Public key for HPKE-sealed messages (X25519). */
  seal: key32,
  /** `ipv6` follows from the ids alone; `ipv4` from the ids and a counter (trust/address.ts). `ipv4` is null after a lost collision. */
  ipv6: z.ipv6(),
  ipv4: z.ipv4().nullable(),
  /** Ids of the gates where this node can be found, best first. */
  gates: z.array(nodeId).max(8),
  /** Prefixes that this node offers to carry. */
  routes: z.array(prefix).max(64),
  tags: z.array(tag).max(32),
  os: z.string().max(64),
  version: z.string().max(32),
  /** Host public keys of its SSH server, so that `ghostctl ssh` knows whom it talks to. */
  ssh: sshKeys.optional(),
  proof: admissionProof,
});
export type NodeRecord = z.infer<typeof nodeRecord>;

/** A gate's statement about itself. */
export const gateRecord = z.strictObject({
  ...head,
  region: z.string().max(64),
  /** Host names or addresses under which nodes reach it, best first. */
  hosts: z.array(z.string().min(1).max(253)).min(1).max(16),
  /** UDP port of the QUIC sessions; without it there are none here. */
  quic: port.optional(),
  /** UDP port of the STUN service (RFC 8489). */
  stun: port,
  /** A second UDP port of the STUN service, for RFC 5780's tests of a NAT. */
  stunAlternate: port.optional(),
  /** Its TURN service (RFC 8656): the port for UDP and TCP, and that for TLS. No address: it is one of `hosts`. */
  turn: z.strictObject({ port, tls: port.optional() }).optional(),
  /** SHA-256 of the DER of the TLS certificate that its QUIC and TURN servers show. */
  cert: key32,
  version: z.string().max(32),
  proof: admissionProof,
});
export type GateRecord = z.infer<typeof gateRecord>;
