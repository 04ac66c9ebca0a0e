/** What the rest of the coordinator knows of the store; Deno KV is known here alone. */
export type { FeedItem, Head } from "./commit.ts";
export { readFeed, readHead, watchHead } from "./feed.ts";
export { appendLedger, type NewEntry, readLedger } from "./ledger.ts";
export { beginLogin, changeLogin, readIssuers, readLogin, saveIssuers, type StoredLogin } from "./logins.ts";
export { postMail, readMail } from "./mail.ts";
export {
  type Holding,
  type NewRecord,
  publishRecord,
  readMachine,
  readMachines,
  removeLapsed,
  type StoredRecord,
} from "./machines.ts";
export { consent, readProposals } from "./proposals.ts";
export { useProof } from "./replay.ts";
export { checkSetupSecret, type Claim, claimNetwork, readClaim, setSetupSecret } from "./setup.ts";
