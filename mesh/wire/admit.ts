/**
 * The ways into a network, as the signed policy names them (`[[admit]]`). Here because both the policy (which reads them) and
 * trust (which checks admission proofs by them) need the shape, and neither imports the other.
 */

/** How long a machine's key counts (`[expiry]`), in seconds; null: as long as its way in says. */
export interface KeyExpiry {
  seconds: number | null;
  /** By tag (`tag:web`), above the way in's own; of several the shortest counts. */
  tags: Readonly<Record<string, number | null>>;
}

/** What every way in can have. */
interface CommonAdmit {
  expiry?: KeyExpiry;
}

/** Join tokens: a grant in the ledger admits. */
export interface StaticAdmit extends CommonAdmit {
  method: "static";
  /** True: when a grant is revoked, the nodes that came in by it fall too. */
  revokesNodes: boolean;
}

/** OpenID Connect: the user's ID token, whose nonce is bound to network and identity key. */
export interface OidcAdmit extends CommonAdmit {
  method: "oidc";
  /** Exactly as the token's `iss` says it. */
  issuer: string;
  /** Accepted audiences; the first one is what machines log in with. */
  clientIds: readonly string[];
  /** For providers that insist on one from public clients; not a secret. */
  clientSecret: string | null;
  /** E-mail domains whose verified addresses are let in; empty: whoever the issuer knows. */
  domains: readonly string[];
  /** Claims that must have one of these values. */
  claims: Readonly<Record<string, readonly string[]>>;
  /** Claim that lists the user's groups. */
  groupsClaim: string;
  /** Tags that machines of this way in may carry. */
  tags: readonly string[];
  /** A log-in is good for this many seconds, counted from the token's `iat`. */
  lifetime: number;
  /** Public keys (Ed25519) that may sign `issuer` entries besides admins. */
  watchers: readonly string[];
}

/** Mutual TLS: a certificate chain to a CA, and a signature by its key over the identity key. */
export interface MtlsAdmit extends CommonAdmit {
  method: "mtls";
  /** The CA's certificates, PEM, from the signed policy's files. */
  ca: string;
  /** Where the user's name is in the certificate; null: the machine belongs to nobody. */
  user: "san:email" | "san:upn" | "san:dns" | "cn" | null;
  tags: readonly string[];
  /** Revoked certificates: each is `issuer name hash:serial` in lower-case hex, or the PEM text of a CRL file that the policy names. */
  crl: readonly string[];
}

/**
 * How a certificate is revoked: `SHA-256 of its issuer's encoded name : serial number`, in lower-case hex, the number without leading
 * zeros, so that a certificate has one spelling.
 */
export const CERTIFICATE_NAME = /^[0-9a-f]{64}:(?:0|[1-9a-f][0-9a-f]{0,63})$/;

export type AdmitRule = StaticAdmit | OidcAdmit | MtlsAdmit;

/** What holds when the policy says nothing of admission: tokens that an admin signed, and nothing else. */
export const DEFAULT_ADMIT: readonly AdmitRule[] = [{ method: "static", revokesNodes: false }];
