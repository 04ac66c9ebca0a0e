/** Records of machines and gates held against a policy's ways in: the one in force, or one that is still to be signed. */
import type { Policy } from "../../mesh/policy/mod.ts";
import { IssuerBook } from "../../mesh/trust/admission/mod.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import {
  readNodeRecord,
  type VerifiedGate,
  type VerifiedNode,
  verifyGateRecord,
  verifyNodeRecord,
} from "../../mesh/trust/record.ts";
import type { AdmitRule } from "../../mesh/wire/admit.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { fetchJson } from "../../mesh/wire/fetch_json.ts";
import { unixTime } from "./host.ts";
import type { Named } from "./the_one.ts";

/** A record that does not hold, and why. */
export interface Refused {
  jws: string;
  /** Whose it is, by the name that it gives itself; null when not even that can be read. */
  who: Named | null;
  error: GhostError;
}

/** What a record is held against. */
export interface Against {
  ledger: Ledger;
  admit: readonly AdmitRule[];
  issuers: IssuerBook;
}

/** Keys of identity providers, fetched when a log-in asks for them. */
export function newIssuers(): IssuerBook {
  return new IssuerBook({ fetchJson: (url) => fetchJson(url), now: unixTime });
}

/** Machines whose record holds, by name, and the records that do not. */
export async function verifyNodes(
  records: readonly string[],
  { ledger, admit, issuers }: Against,
): Promise<{ nodes: VerifiedNode[]; refused: Refused[] }> {
  const nodes: VerifiedNode[] = [];
  const refused: Refused[] = [];
  for (const jws of records) {
    let who: Named | null = null;
    try {
      const { id, key, record } = await readNodeRecord(jws);
      who = { id, key, name: record.name };
      if (record.proof.kind === "oidc") await issuers.learn(record.proof.idToken, admit);
      const issuerKeys = (issuer: string) => issuers.keysOf(issuer);
      nodes.push(await verifyNodeRecord(jws, { ledger, now: unixTime(), admit, issuerKeys }));
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      refused.push({ jws, who, error });
    }
  }
  return { nodes: nodes.sort((a, b) => a.name < b.name ? -1 : 1), refused };
}

/** Somebody whom a policy that is not signed yet would put out of the network. */
export interface Fallen {
  name: string;
  what: "machine" | "gate";
  why: string;
}

/** Who is in now, and what another policy makes of them. */
export interface Under {
  all: VerifiedNode[];
  /** Records that do not hold already now. */
  refused: Refused[];
  /** The machines that stay, as it sees them. */
  stay: VerifiedNode[];
  putsOut: Fallen[];
}

/** Holds those who are in against another policy's ways in. */
export async function underPolicy(
  { nodes, gates }: { nodes: readonly VerifiedNode[]; gates: readonly VerifiedGate[] },
  { policy, ledger, issuers }: { policy: Policy; ledger: Ledger; issuers: IssuerBook },
): Promise<Pick<Under, "stay" | "putsOut">> {
  const { admit } = policy;
  const { nodes: stay, refused } = await verifyNodes(nodes.map(({ jws }) => jws), { ledger, admit, issuers });
  const names = new Map(nodes.map(({ jws, name }) => [jws, name]));
  const putsOut = refused.map(({ jws, error }): Fallen => ({
    name: names.get(jws)!,
    what: "machine",
    why: error.message,
  }));
  for (const { jws, name } of gates) {
    try {
      await verifyGateRecord(jws, { ledger, now: unixTime(), admit });
    } catch (error) {
      if (!(error instanceof GhostError)) throw error;
      putsOut.push({ name, what: "gate", why: error.message });
    }
  }
  return { stay, putsOut };
}

/** `web1, web2 (Its key has expired ...)`: a line for each reason. */
export function putsOutLines(all: readonly Fallen[]): string[] {
  return [...Map.groupBy(all, ({ what, why }) => `${what} ${why}`).values()].map((some) => {
    const names = some.map(({ name }) => name).join(", ");
    return `${some[0]!.what === "gate" ? `gate ${names}` : names} (${some[0]!.why})`;
  });
}

/** Nobody is put out of the network unasked. @throws GhostError `not_admitted` */
export function refuseFallen({ putsOut }: { putsOut: readonly Fallen[] }, o: { place: string; mend: string }): void {
  if (putsOut.length === 0) return;
  throw new GhostError("not_admitted", `This policy puts out ${putsOutLines(putsOut).join("; ")}`, o);
}

/** What a new policy hardly means: that join tokens, by which all have come in so far, let in nobody any more; else null. */
export function withoutTokens(before: readonly AdmitRule[], after: readonly AdmitRule[]): string | null {
  const has = (rules: readonly AdmitRule[]) => rules.some(({ method }) => method === "static");
  if (!has(before) || has(after)) return null;
  return 'with this policy join tokens let in no machine any more; to keep them, add [[admit]] method = "static"';
}
