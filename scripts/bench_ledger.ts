/**
 * `deno task bench:ledger [--entries N]`: what it takes to check a whole ledger once, and to open it again after a restart,
 * beside the limit: the same number of bare Ed25519 signatures checked by the platform. The three take turns; medians.
 */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { Ledger, signEntry } from "../mesh/trust/ledger.ts";
import { signingKeyFromSeed } from "../mesh/trust/keys.ts";
import { plainGenesis } from "../mesh/trust/testdata/plain.ts";
import { type Bytes, toBase64Url } from "../mesh/wire/encoding.ts";
import { misuse, readOptions } from "./lib/options.ts";
import { main } from "./lib/run.ts";
import { median, table } from "./lib/stats.ts";

const USAGE = "deno task bench:ledger [--entries N]";
const ROUNDS = 5;
const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));

async function makeLedger(entries: number): Promise<Ledger> {
  const admin = await signingKeyFromSeed(random(32));
  const iat = Math.floor(Date.now() / 1000);
  const genesis = await signEntry({
    ledger: null,
    admin,
    kind: "genesis",
    body: plainGenesis("bench", admin.public, toBase64Url(random(32))),
    iat,
  });
  const ledger = await Ledger.open([genesis]);
  while (ledger.entries.length < entries) {
    const { public: key } = await signingKeyFromSeed(random(32));
    const body = { what: "node" as const, key };
    await ledger.append(await signEntry({ ledger, admin, kind: "revoke", body, iat }));
  }
  return ledger;
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function bench(): Promise<number> {
  const { entries } = readOptions(USAGE, { entries: { type: "string", default: "10000" } });
  const count = Number(entries);
  if (!Number.isInteger(count) || count < 2) throw misuse(`--entries: Not a number above 1: "${entries}"`, USAGE);
  console.log(`signing ${count} entries`);
  const ledger = await makeLedger(count);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const signed = ledger.entries.map((entry) => {
    const data = new TextEncoder().encode(entry);
    return { data, signature: sign(null, data, privateKey) };
  });
  const times: Record<"bare" | "once" | "again", number[]> = { bare: [], once: [], again: [] };
  for (let round = 0; round < ROUNDS; round++) {
    times.bare.push(await timed(() => signed.forEach((s) => verify(null, s.data, publicKey, s.signature))));
    times.once.push(await timed(() => Ledger.open(ledger.entries)));
    times.again.push(await timed(() => Ledger.open(ledger.entries, { checked: ledger.head })));
  }
  const bare = median(times.bare);
  const row = (what: string, ms: number) => [what, `${Math.round(ms)} ms`, (ms / bare).toFixed(2)];
  console.log(table([
    [`${count} entries`, "median", "of bare signatures"],
    row("bare Ed25519 signatures checked", bare),
    row("the ledger, checked once", median(times.once)),
    row("the ledger, opened again", median(times.again)),
  ]));
  return 0;
}

await main(bench);
