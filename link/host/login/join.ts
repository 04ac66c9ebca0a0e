/**
 * Joining by a log-in, and logging in again. The second changes nothing but the proof in the own record: identity, keys, name and
 * addresses stay, so peers see the same machine. It works as well after the log-in has ended, because nothing that it needs
 * (the ledger on disk, the provider, the coordinator's door) asks whether this machine is admitted.
 */
import type { MeshClient } from "../../../mesh/client/mod.ts";
import { AdmitRules } from "../../../mesh/policy/mod.ts";
import { IssuerBook, verifyAdmission } from "../../../mesh/trust/admission/mod.ts";
import type { Ledger } from "../../../mesh/trust/ledger.ts";
import type { OidcAdmit } from "../../../mesh/wire/admit.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { AdmissionProof } from "../../../mesh/wire/record.ts";
import { type Joined, labelOf } from "../join.ts";
import type { NodeState } from "../state.ts";
import { type LoggedIn, logIn, type LoginOptions } from "./oidc.ts";
import { joinBy, type TokenlessJoin } from "./tokenless.ts";

/** How a log-in reaches its user and the world. */
export interface LoginWorld {
  browser: boolean;
  show(url: string): void;
  fetchJson: LoginOptions["fetchJson"];
  random(n: number): Bytes;
  /** ms since 1970. */
  now(): number;
}

/** What `ghostlink join --auth oidc` was told. */
export type LoginJoin = LoginWorld & TokenlessJoin;

/** Joins a network by a log-in. @throws GhostError in one line for each way it can fail; the state is then as before */
export async function joinByOidc(state: NodeState, o: LoginJoin): Promise<Joined> {
  const machine = o.name ?? labelOf(o.machine.hostname);
  let login: CheckedLogin | undefined;
  const joined = await joinBy(state, o, {
    method: "oidc",
    again: "log in again with: ghostlink login",
    async prove({ client, ledger }, key) {
      login = await logInFor({ ...o, ledger, key: key.public, machine, mesh: client });
      return { proof: login.proof, client };
    },
  });
  await login!.told(login!.who);
  return joined;
}

/** A log-in whose token holds. */
export interface CheckedLogin {
  proof: Extract<AdmissionProof, { kind: "oidc" }>;
  /** Who logged in, as people know them. */
  who: string;
  /** Who logged in, for good. */
  subject: string;
  told: LoggedIn["told"];
}

/** Logs in by the first way that the policy names, and checks the token as everybody will. */
export async function logInFor(
  o: LoginWorld & { ledger: Ledger; key: string; machine: string; mesh: MeshClient },
): Promise<CheckedLogin> {
  const { ledger, key } = o;
  const admit = new AdmitRules().of(ledger.policy);
  const rule = admit.find((r): r is OidcAdmit => r.method === "oidc");
  if (!rule) {
    throw new GhostError("not_admitted", "The network's policy admits nobody by oidc", {
      place: "--auth",
      mend: 'an admin can allow it: [[admit]] method = "oidc"',
    });
  }
  const { id: net, name: networkName } = ledger.network;
  const { idToken, told } = await logIn({ ...o, rule, net, networkName });
  const now = () => Math.floor(o.now() / 1000);
  const book = new IssuerBook({ fetchJson: o.fetchJson, now });
  try {
    await book.learn(idToken, admit);
    const proof = { kind: "oidc" as const, idToken };
    const issuerKeys = (issuer: string) => book.keysOf(issuer);
    const admission = await verifyAdmission(proof, { key, ledger, admit, issuerKeys, now: now(), fresh: true });
    return { proof, who: admission.user ?? admission.subject!, subject: admission.subject!, told };
  } catch (error) {
    await told("nobody: the log-in was refused").catch(() => {});
    throw error;
  }
}
