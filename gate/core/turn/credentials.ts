/**
 * Time-limited credentials as coturn's `use-auth-secret` checks them: the user name is the second at which they end and the node's
 * id, the password an HMAC-SHA1 of that by the secret. A node has the same ones until half their life is over, so that its
 * quota at coturn holds for it and not for each time it asks.
 */
import type { TurnGrantedCredentials } from "../../../mesh/wire/turn.ts";

/** Life of credentials in seconds. */
export const CREDENTIAL_LIFE = 12 * 3_600;
/** Nodes that are remembered; the oldest is forgotten first, gets other credentials for it, and counts as one that holds some. */
const MAX_NODES = 20_000;

interface Issued {
  newest: TurnGrantedCredentials;
  /** The latest end of all that were issued, in seconds since 1970: coturn takes the older ones for as long as they say. */
  until: number;
}

export class CredentialDesk {
  readonly #sign: (secret: string, username: string) => string;
  readonly #issued = new Map<string, Issued>();
  /** The latest end of what nodes have that are remembered no longer. */
  #forgotten = 0;
  #secret: string;

  /** @param o.sign HMAC-SHA1 of the user name by the secret, in base64 */
  constructor(o: { secret: string; sign(secret: string, username: string): string }) {
    this.#secret = o.secret;
    this.#sign = o.sign;
  }

  /** Credentials of a node that has proved itself and belongs here until `until`; both times in seconds. */
  issue(node: string, now: number, until = Infinity): TurnGrantedCredentials {
    const before = this.#issued.get(node);
    const old = before?.newest;
    const expires = Math.min(now + CREDENTIAL_LIFE, until);
    const better = !old || old.expires > until || (old.expires - now <= CREDENTIAL_LIFE / 2 && expires > old.expires);
    if (!better) return old;
    const username = `${expires}:${node}`;
    const password = this.#sign(this.#secret, username);
    const newest = { username, password, expires };
    this.#issued.delete(node);
    this.#issued.set(node, { newest, until: Math.max(expires, before?.until ?? 0) });
    if (this.#issued.size > MAX_NODES) this.#forgetOldest();
    return newest;
  }

  #forgetOldest(): void {
    for (const [node, { until }] of this.#issued) {
      this.#issued.delete(node);
      this.#forgotten = Math.max(this.#forgotten, until);
      return;
    }
  }

  /** When the last credentials that this node may hold end, in seconds; past where it holds none. */
  until(node: string): number {
    return this.#issued.get(node)?.until ?? this.#forgotten;
  }

  /** True when this node may still hold credentials that count; `now` in seconds. */
  holds(node: string, now: number): boolean {
    return this.until(node) > now;
  }

  /** From now on another secret counts, and nothing that was issued before. */
  rotate(secret: string): void {
    this.#secret = secret;
    this.#issued.clear();
    this.#forgotten = 0;
  }
}
