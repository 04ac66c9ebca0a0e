/**
 * What a gate keeps on disk, in one folder of mode 0700:
 *
 * | file | content |
 * |---|---|
 * | identity.json | identity key (secret) |
 * | certificate.json | TLS certificate and its key (secret; certificate.ts) |
 * | network.json | coordinator, its CA, network id, admission proof, own newest record |
 * | ledger.jsonl | the verified ledger, one entry a line |
 * | lock | held by the process that runs |
 *
 * The join token is not kept: its proof over the identity key is all that is needed later.
 */
import { LedgerFile } from "../../mesh/host/ledger_file.ts";
import { readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { admissionProof } from "../../mesh/wire/record.ts";
import { jws, key32, networkId, parse, z } from "../../mesh/wire/schema.ts";

const identityFile = z.strictObject({ seed: key32, public: key32 });
const networkFile = z.strictObject({
  server: z.string().max(512),
  /** PEM of the coordinator's own CA, when it has one. */
  ca: z.string().max(16_384).nullable(),
  net: networkId,
  /** Public key of the grant whose token admitted this gate. */
  grant: key32,
  proof: admissionProof,
  /** The newest record as signed, and whether the coordinator has taken it. */
  record: jws,
  published: z.boolean(),
});

/** What `network.json` holds. */
export type NetworkState = z.infer<typeof networkFile>;

export class GateState {
  readonly dir: string;
  readonly ledger: LedgerFile;

  constructor(dir: string) {
    this.dir = dir;
    this.ledger = new LedgerFile(`${dir}/ledger.jsonl`);
  }

  /** The identity key, made and saved when there is none. */
  async identity(random: (n: number) => Bytes): Promise<SigningKey> {
    const path = `${this.dir}/identity.json`;
    const found = await readJson(path);
    if (found !== undefined) return parse(identityFile, found, path, "bad_config");
    const made = await signingKeyFromSeed(random(32));
    await writeJson(path, { seed: made.seed, public: made.public });
    return made;
  }

  /** Where this gate belongs, null before it was admitted. */
  async network(): Promise<NetworkState | null> {
    const path = `${this.dir}/network.json`;
    const found = await readJson(path);
    return found === undefined ? null : parse(networkFile, found, path, "bad_config");
  }

  async saveNetwork(network: NetworkState): Promise<void> {
    await writeJson(`${this.dir}/network.json`, network);
  }

  /**
   * Keeps a second process off this folder until disposed of.
   * @throws GhostError `port_in_use` when another holds it
   */
  async lock(): Promise<Disposable> {
    const file = await Deno.open(`${this.dir}/lock`, { write: true, create: true, mode: 0o600 });
    if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
    file.close();
    throw new GhostError("port_in_use", "Another ghostgate runs from this state folder", {
      place: this.dir,
      mend: "stop it, or give this one a folder of its own with --state-dir",
    });
  }
}
