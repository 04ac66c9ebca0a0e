/**
 * Credentials of a gate's TURN service, and how a node that reaches no gate (UDP is blocked) gets them: by two messages in the
 * coordinator's mailbox, which can neither forge nor read them.
 *
 * ```
 * node -> gate   RECORD~ASK     ASK: JWS TURN_ASK_TYP by the node's identity key over TurnAsk
 * gate -> node   SEAL~BOX       BOX: sealed for the node by the X25519 key SEAL, which counts for this message alone; in it
 *                               a JWS TURN_GRANT_TYP by the gate's identity key over TurnGrant
 * ```
 */
import { networkId, nodeId, seconds, z } from "./schema.ts";

/** The `typ` of a node's ask. */
export const TURN_ASK_TYP = "ghostmesh-turn-ask+jwt";
/** The `typ` of a gate's grant. */
export const TURN_GRANT_TYP = "ghostmesh-turn-grant+jwt";
/** Between the two parts of a mailed message; no JWS and no base64url holds it. */
export const TURN_MAIL_SEPARATOR = "~";

/** Long-term credentials (RFC 8489 section 9.2) that count until `expires`, in seconds since 1970. */
export const turnCredentials = z.strictObject({
  username: z.string().min(1).max(128),
  password: z.string().min(1).max(128),
  expires: seconds,
});
export type TurnGrantedCredentials = z.infer<typeof turnCredentials>;

/** Milliseconds of the node's clock; each ask of a node has a later one than that before. */
const at = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What the node signs: only this gate, of this network, may act on it. */
export const turnAsk = z.strictObject({ v: z.literal(1), net: networkId, gate: nodeId, at });
export type TurnAsk = z.infer<typeof turnAsk>;

/** What the gate signs: the answer to the ask of that `at`, for this node. */
export const turnGrant = z.strictObject({
  v: z.literal(1),
  net: networkId,
  node: nodeId,
  at,
  ...turnCredentials.shape,
});
export type TurnGrant = z.infer<typeof turnGrant>;
