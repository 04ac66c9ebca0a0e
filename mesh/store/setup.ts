/** Claiming a coordinator: the one-time set-up secret (only its hash is stored) and the network that it ends in. */
import { type Bytes, equalBytes, fromBase64Url, toBase64Url } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import type { LedgerHead } from "../wire/ledger.ts";
import { appendItems, type Head } from "./commit.ts";
import { keys } from "./keys.ts";
import { entryItems, type NewEntry, putEntries, writeEntries } from "./ledger.ts";

/** Wrong secrets that a minute bears; those beyond it are told so. */
const MAX_WRONG_TRIES = 10;

/** Which network a coordinator serves. */
export interface Claim {
  /** Version of the store's format. */
  format: 1;
  net: string;
  /** Seconds since 1970 until which machines come back that an earlier coordinator had let in. */
  recoverUntil?: number;
}

interface SetupSecret {
  /** SHA-256 of the secret, base64url. */
  hash: string;
}

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function alreadyClaimed(): GhostError {
  return new GhostError("already_claimed", "This coordinator has its network already", {
    mend: "its admins add machines with: ghostctl token create",
  });
}

/**
 * The claim, null before set-up.
 * @throws GhostError `not_supported` for a store of a later format
 */
export async function readClaim(kv: Deno.Kv): Promise<Claim | null> {
  const claim = (await kv.get<Claim>(keys.claim())).value;
  if (claim !== null && claim.format !== 1) {
    throw new GhostError("not_supported", `The store has format ${claim.format}, this version reads 1`, {
      mend: "start the version of ghostmesh that wrote it",
    });
  }
  return claim;
}

/** Makes `secret` (16 bytes) the one that opens set-up, in place of any before. False when the coordinator is claimed. */
export async function setSetupSecret(kv: Deno.Kv, secret: Bytes): Promise<boolean> {
  const value: SetupSecret = { hash: toBase64Url(await sha256(secret)) };
  const { ok } = await kv.atomic().check({ key: keys.claim(), versionstamp: null }).set(keys.setup(), value).commit();
  return ok;
}

/**
 * Checks a set-up secret in constant time. A right one is never locked out by a stranger's wrong ones: it has 128 bits, so
 * the limit is there to keep guessing from costing the store more than a counter.
 * @throws GhostError `already_claimed`, `bad_setup_code`, `too_many`
 */
export async function checkSetupSecret(kv: Deno.Kv, secret: Bytes, { now }: { now: number }): Promise<void> {
  const [claim, setup] = await kv.getMany<[Claim, SetupSecret]>([keys.claim(), keys.setup()]);
  if (claim.value !== null) throw alreadyClaimed();
  const digest = await sha256(secret);
  const wanted = setup.value ? fromBase64Url(setup.value.hash) : new Uint8Array(32);
  if (equalBytes(digest, wanted) && setup.value) return;
  const minute = Math.floor(now / 60_000);
  const tries = await kv.get<number>(keys.setupTries(minute));
  if ((tries.value ?? 0) >= MAX_WRONG_TRIES) {
    throw new GhostError("too_many", "Too many wrong set-up codes", { mend: "wait a minute" });
  }
  await kv.atomic().check(tries).set(keys.setupTries(minute), (tries.value ?? 0) + 1, { expireIn: 120_000 }).commit();
  throw new GhostError("bad_setup_code", "This is not the set-up code", {
    mend: "copy it from what the coordinator printed at its last start",
  });
}

/**
 * Claims the coordinator with verified first entries, once and for good.
 * @throws GhostError `already_claimed`
 */
export async function claimNetwork(
  kv: Deno.Kv,
  { net, head, entries, recoverUntil }: {
    net: string;
    head: LedgerHead;
    entries: readonly NewEntry[];
    recoverUntil?: number | undefined;
  },
): Promise<void> {
  const texts = await putEntries(kv, net, entries);
  const items = entryItems(0, entries);
  const claim: Claim = { format: 1, net, ...(recoverUntil === undefined ? {} : { recoverUntil }) };
  const first: Head = { seq: items.length, ledger: head };
  const op = kv.atomic()
    .check({ key: keys.claim(), versionstamp: null })
    .check({ key: keys.head(net), versionstamp: null })
    .set(keys.claim(), claim)
    .delete(keys.setup())
    .set(keys.head(net), first);
  writeEntries(op, net, { first: 0, entries, texts });
  appendItems(op, net, { after: 0, items });
  if (!(await op.commit()).ok) throw alreadyClaimed();
}
