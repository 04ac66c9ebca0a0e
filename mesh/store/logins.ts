/**
 * Log-ins that are under way: a machine without a browser waits until its user comes back from the identity provider. What comes
 * back is a code that is of use only to that machine, which alone has the verifier to it (PKCE, RFC 7636). Kept for ten minutes.
 */
import { GhostError } from "../wire/errors.ts";
import { keys } from "./keys.ts";

/** How long a user has, in milliseconds. */
const LOGIN_LIFE = 600_000;
/** Log-ins at one time: anybody may begin one. */
const MAX_LOGINS = 1000;

/** A log-in under way, under the hash of its `state`. */
export interface StoredLogin {
  /** Identity key of the machine that waits. */
  key: string;
  /** What it calls itself, for its user to recognise. */
  machine: string;
  /** What the provider sent back and the user has confirmed. */
  answer: { code: string } | { error: string } | null;
  /** Whom the machine found to be logged in, for the last page. */
  user: string | null;
  /** Milliseconds since 1970. */
  expires: number;
}

/** Begins a log-in. @throws GhostError `too_many` */
export async function beginLogin(
  kv: Deno.Kv,
  net: string,
  { id, key, machine, now }: { id: string; key: string; machine: string; now: number },
): Promise<void> {
  let count = 0;
  for await (const { value } of kv.list<StoredLogin>({ prefix: keys.logins(net) }, { limit: MAX_LOGINS })) {
    if (value.expires > now) count++;
  }
  if (count >= MAX_LOGINS) {
    throw new GhostError("too_many", "Too many log-ins are under way", { mend: "try again in some minutes" });
  }
  const login: StoredLogin = { key, machine, answer: null, user: null, expires: now + LOGIN_LIFE };
  const name = keys.login(net, id);
  const { ok } = await kv.atomic().check({ key: name, versionstamp: null }).set(name, login, { expireIn: LOGIN_LIFE })
    .commit();
  if (!ok) throw new GhostError("replayed", "This log-in was begun before");
}

/** A log-in under way, null when there is none or it is over. */
export async function readLogin(
  kv: Deno.Kv,
  net: string,
  { id, now }: { id: string; now: number },
): Promise<StoredLogin | null> {
  const { value } = await kv.get<StoredLogin>(keys.login(net, id));
  return value !== null && value.expires > now ? value : null;
}

/** Changes a log-in that is still as it was read; false when it is not. */
export async function changeLogin(
  kv: Deno.Kv,
  net: string,
  { id, now, change }: { id: string; now: number; change: (login: StoredLogin) => StoredLogin | null },
): Promise<boolean> {
  const name = keys.login(net, id);
  const entry = await kv.get<StoredLogin>(name);
  if (entry.value === null || entry.value.expires <= now) return false;
  const next = change(entry.value);
  if (next === null) return false;
  const { ok } = await kv.atomic().check(entry).set(name, next, { expireIn: next.expires - now }).commit();
  return ok;
}

/** Keys of identity providers that some instance has fetched, so that a new one need not have been there at the time. */
export async function readIssuers(kv: Deno.Kv): Promise<Record<string, unknown>> {
  const pages: Record<string, unknown> = {};
  for await (const { key, value } of kv.list({ prefix: keys.issuers() })) pages[String(key.at(-1))] = value;
  return pages;
}

export async function saveIssuers(kv: Deno.Kv, pages: Record<string, unknown>): Promise<void> {
  for (const [issuer, page] of Object.entries(pages)) await kv.set(keys.issuer(issuer), page);
}
