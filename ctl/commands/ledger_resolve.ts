/** `ghostctl ledger resolve`: ends a fork in favour of the branch that the coordinator serves. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { localFork } from "../../mesh/wire/local.ts";
import type { z } from "../../mesh/wire/schema.ts";
import { readCopy } from "../admin/copy.ts";
import { readEntry, whatOf } from "../admin/entries.ts";
import { AdminNetwork, type Draft } from "../admin/network.ts";
import { report } from "../admin/outcome.ts";
import { changeOrPropose } from "../admin/proposals.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

export async function run(call: Call): Promise<void> {
  const network = await AdminNetwork.open(call);
  const ledger = await network.served();
  for (const jws of await evidence(call, network)) {
    await ledger.take(jws).catch((error) => {
      if (!(error instanceof GhostError)) throw error; // what does not verify is no evidence
    });
  }
  const { fork } = ledger;
  if (!fork) {
    throw new GhostError("not_found", "No fork is known here", {
      mend:
        "run this on a machine whose ghostctl status tells of one, or name a copy of the other branch with --other FILE",
    });
  }
  const keep = ledger.hashAt(fork.seq)!;
  const drop = [...new Set(fork.entries.filter(({ seq }) => seq === fork.seq).map(({ hash }) => hash))];
  const others = fork.entries.map(({ jws }) => readEntry(jws));
  const wanted = call.text("keep");
  if (wanted !== keep) {
    const lines = [
      `kept:    entry ${fork.seq} ${keep}: ${whatOf(readEntry(ledger.at(fork.seq)!).entry)}`,
      ...fork.entries.map(({ seq, hash, signer }, i) =>
        `dropped: entry ${seq} ${hash} by ${ledger.admins.get(signer)?.name || signer}: ${whatOf(others[i]!.entry)}`
      ),
    ];
    call.out.answer({ fork: { seq: fork.seq, keep, drop } }, () => lines.join("\n"));
    throw new GhostError(
      "ledger_fork",
      wanted === undefined ? "Read what each branch says" : "The coordinator does not serve that branch",
      {
        mend:
          `to go on with the one that the coordinator serves, add --keep ${keep}; to keep another one, bring it to an empty coordinator with: ghostctl ledger import`,
      },
    );
  }
  await network.adopt(ledger);
  const repeat: Draft[] = [];
  for (const { entry } of call.flag("forget-revocations") ? [] : others) {
    if (entry.kind === "revoke") repeat.push({ kind: "revoke", body: entry.body });
  }
  // What the other branch revoked counts until it is dropped, so it is revoked here first.
  if (repeat.length > 0) await network.changeAll(() => repeat);
  const outcome = await changeOrPropose(network, () => ({ kind: "resolve", body: { seq: fork.seq, keep, drop } }));
  report(call, outcome, `the fork at entry ${fork.seq} is resolved`);
}

/** What contradicts the coordinator's chain: seen by this machine's daemon, kept here, or in a copy. */
async function evidence(call: Call, network: AdminNetwork): Promise<string[]> {
  const entries: string[] = [];
  const path = call.text("other");
  if (path !== undefined) entries.push(...(await readCopy(path, network.known.network.id)).entries);
  const kept = await network.kept();
  if (kept) entries.push(...kept.entries, ...kept.evidence?.entries ?? []);
  try {
    const { fork } = await askDaemon<z.infer<typeof localFork>>(call, {
      method: "GET",
      path: "/v1/ledger/fork",
      like: {},
    });
    entries.push(...fork?.entries ?? []);
  } catch { /* no daemon here */ }
  return entries;
}
