/**
 * Time-limited credentials as coturn's `use-auth-secret` checks them: the user name is the second at which they end and the node's
 * id, the password an HMAC-SHA1 of that by the secret. A node has the same ones until half their life is over, so that its
 * quota at coturn holds for it and not for each time it asks.
 */
/** Life of credentials in seconds. */
export const CREDENTIAL_LIFE = 12 * 3_600;
/** Nodes that are remembered; the oldest is forgotten first, and only gets other credentials for it. */
const MAX_NODES = 20_000;

export interface IssuedCredentials {
  username: string;
  password: string;
  /** Seconds since 1970. */
  expires: number;
}

export class CredentialDesk {
  readonly #sign: (secret: string, username: string) => string;
  readonly #issued = new Map<string, IssuedCredentials>();
  #secret: string;

  /** @param o.sign HMAC-SHA1 of the user name by the secret, in base64 */
  constructor(o: { secret: string; sign(secret: string, username: string): string }) {
    this.#secret = o.secret;
    this.#sign = o.sign;
  }

  /** Credentials of a node that has proved itself and belongs here until `until`; both times in seconds. */
  issue(node: string, now: number, until = Infinity): IssuedCredentials {
    const old = this.#issued.get(node);
    const expires = Math.min(now + CREDENTIAL_LIFE, until);
    const better = !old || old.expires > until || (old.expires - now <= CREDENTIAL_LIFE / 2 && expires > old.expires);
    if (!better) return old;
    const username = `${expires}:${node}`;
    const password = this.#sign(this.#secret, username);
    const fresh = { username, password, expires };
    this.#issued.delete(node);
    this.#issued.set(node, fresh);
    if (this.#issued.size > MAX_NODES) this.#issued.delete(this.#issued.keys().next().value!);
    return fresh;
  }

  /** True when this node may still hold credentials that count; `now` in seconds. */
  holds(node: string, now: number): boolean {
    return (this.#issued.get(node)?.expires ?? 0) > now;
  }

  /** From now on another secret counts, and nothing that was issued before. */
  rotate(secret: string): void {
    this.#secret = secret;
    this.#issued.clear();
  }
}
