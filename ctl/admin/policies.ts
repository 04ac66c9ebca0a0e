/** The policies of a network: those that were signed, and which of them a file was pulled from. */
import { resolve } from "node:path";
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { compile, type Compiled, networkOf, type Policy, policyNode, readSigned } from "../../mesh/policy/mod.ts";
import { hashOf } from "../../mesh/trust/keys.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { VerifiedNode } from "../../mesh/trust/record.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import { key32, parse, z } from "../../mesh/wire/schema.ts";
import { entryRows, readEntry } from "./entries.ts";
import type { NetworkStore } from "./store.ts";

/** A signed policy. */
export interface SignedRow {
  seq: number;
  time: string;
  by: string[];
  format: "toml" | "ts";
  /** SHA-256 over what counts, base64url. */
  sha256: string;
  inForce: boolean;
  body: LedgerBody<"policy">;
}

/** The hash by which `push` knows a policy: over everything that is signed with it. */
export async function policyHash(body: LedgerBody<"policy">): Promise<string> {
  const sorted = (all: Record<string, string> = {}) => Object.entries(all).sort(([a], [b]) => a < b ? -1 : 1);
  const imports = body.imports === undefined ? [] : [sorted(body.imports)];
  return await hashOf(
    JSON.stringify([body.format, body.source, body.computed ?? null, sorted(body.files), ...imports]),
  );
}

/** All policies of a ledger, oldest first. */
export async function signedPolicies(ledger: Ledger): Promise<SignedRow[]> {
  const rows = entryRows(ledger).filter(({ kind }) => kind === "policy");
  return await Promise.all(rows.map(async ({ seq, time, by }): Promise<SignedRow> => {
    const body = readEntry(ledger.at(seq)!).entry.body as LedgerBody<"policy">;
    const inForce = ledger.policy?.seq === seq;
    return { seq, time, by, format: body.format, sha256: await policyHash(body), inForce, body };
  }));
}

/** The policy of ledger entry `seq`, or the one in force. @throws GhostError `not_found` */
export async function signedPolicy(ledger: Ledger, seq: number | undefined): Promise<SignedRow> {
  const all = await signedPolicies(ledger);
  const row = all.findLast((one) => seq === undefined ? one.inForce : one.seq === seq);
  if (row) return row;
  throw new GhostError("not_found", seq === undefined ? "No policy is in force" : `Ledger entry ${seq} is no policy`, {
    mend: "see: ghostctl policy history",
  });
}

/** Reads one of them. @throws GhostError `bad_policy` */
export function policyOf({ seq, body }: SignedRow): Policy {
  return readSigned(body, `policy of entry ${seq}`);
}

/** Compiles a policy for the machines and routes of a network. */
export function compileWith(policy: Policy, ledger: Ledger, nodes: readonly VerifiedNode[]): Compiled {
  return compile(policy, networkOf(policy, { ledger, nodes: nodes.map(policyNode) }));
}

const pulledFile = z.record(z.string().max(4096), key32);

/** From which policy each file was pulled: kept in the config folder, by network and path. */
export class Pulled {
  readonly #path: string;
  readonly #key: (file: string) => string;

  constructor(store: NetworkStore, net: string) {
    this.#path = `${store.dir}/pulled-policies.json`;
    this.#key = (file) => `${net} ${resolve(file)}`;
  }

  async baseOf(file: string): Promise<string | undefined> {
    return (await this.#read())[this.#key(file)];
  }

  async remember(file: string, base: string): Promise<void> {
    await writeJson(this.#path, { ...await this.#read(), [this.#key(file)]: base });
  }

  async #read(): Promise<Record<string, string>> {
    return parse(pulledFile, await readJson(this.#path) ?? {}, this.#path, "bad_config");
  }
}
