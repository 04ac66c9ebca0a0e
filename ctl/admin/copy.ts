/** Copies of a ledger in files: one entry a line, as nodes, gates and admins keep theirs. */
import { issuerSigners } from "../../mesh/policy/mod.ts";
import { Ledger } from "../../mesh/trust/ledger.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { localLedger } from "../../mesh/wire/local.ts";
import type { z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { readGiven } from "./given_file.ts";

/**
 * Reads and checks a copy, whoever made it.
 * @throws GhostError when it cannot be read or does not verify
 */
export async function readCopy(path: string, net?: string): Promise<Ledger> {
  const mend = "name a copy that this user may read; one is made by: ghostctl ledger export FILE";
  const text = await readGiven(path, mend);
  try {
    const entries = text.split("\n").filter((line) => line !== "");
    return await Ledger.open(entries, { ...(net === undefined ? {} : { net }), issuerSigners });
  } catch (error) {
    if (!(error instanceof GhostError)) throw error;
    throw new GhostError(error.code, error.message, { place: `${path} ${error.place ?? ""}`.trim(), cause: error });
  }
}

/** The ledger of this machine's own daemon. @throws GhostError `unreachable` when none runs */
export async function daemonLedger(call: Call): Promise<Ledger> {
  const entries: string[] = [];
  for (;;) {
    const page = await askDaemon<z.infer<typeof localLedger>>(call, {
      method: "GET",
      path: `/v1/ledger?from=${entries.length}`,
      like: { entries: [""], head: { seq: 0, hash: "" } },
    });
    entries.push(...page.entries);
    if (page.entries.length === 0 || entries.length > page.head.seq) break;
  }
  return await Ledger.open(entries, { issuerSigners });
}
