import assert from "node:assert/strict";
import { MeshClient } from "../../mesh/client/mod.ts";
import { LedgerFile } from "../../mesh/host/ledger_file.ts";
import { createLog } from "../../mesh/host/log.ts";
import { Ledger } from "../../mesh/trust/ledger.ts";
import type { LedgerEntry } from "../../mesh/wire/ledger.ts";
import { Membership } from "./membership.ts";
import { random, TestNetwork } from "./testing.ts";

/** A file on a disk that can be full. */
class FullDisk extends LedgerFile {
  full = false;
  override async append(entries: readonly string[]): Promise<void> {
    if (this.full) throw new Error("No space left on device");
    await super.append(entries);
  }
}

Deno.test("Membership applies what the disk does not take, and writes it when it does", async () => {
  const dir = await Deno.makeTempDir();
  const network = await TestNetwork.create();
  const file = new FullDisk(`${dir}/ledger.jsonl`);
  await file.replace(network.ledger.entries);
  using client = new MeshClient({
    server: "http://127.0.0.1:1",
    net: network.id,
    key: network.admin,
    now: () => Date.now(),
    random,
  });
  try {
    const lines: string[] = [];
    const membership = new Membership({
      ledger: await Ledger.open([...network.ledger.entries], { net: network.id }),
      file,
      client,
      log: createLog("ghostgate", { write: (line) => lines.push(line) }),
      stop: new AbortController().signal,
      now: () => Date.now(),
      random: Math.random,
    });
    const seen: LedgerEntry["kind"][] = [];
    membership.onEntries = (entries) => seen.push(...entries.map(({ kind }) => kind));
    file.full = true;
    const grant = await network.grant();
    await membership.add(network.ledger.entries);
    await membership.add([await network.append("revoke", { what: "grant", key: grant.public })]);
    assert.deepEqual(seen, ["grant", "revoke"]);
    assert.match(lines[0]!, /cannot keep the ledger/);
    file.full = false;
    await membership.add([]);
    assert.deepEqual(await file.read(), network.ledger.entries);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
