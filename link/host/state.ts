/**
 * What a node keeps on disk: its keys, where its network is, the verified ledger and the last records of its peers, so that
 * it starts and talks with the coordinator away. Everything lies in one folder of mode 0700; files with keys are 0600.
 *
 * | file | content |
 * |---|---|
 * | identity.json | identity, WireGuard and sealing keys (secret) |
 * | network.json | server, CA, network id, own name, own record |
 * | ledger.jsonl | one ledger entry (JWS) a line, append-only; beside it how far it was checked, and forks |
 * | addresses.json | addresses of the coordinator's and gates' names (host_addresses.ts) |
 * | contact.json | when the coordinator was last there |
 * | settings.json | whether the tunnel is to be up, what the record tells, the exit node in use |
 * | records.json | newest records of nodes and gates, as JWS |
 *
 * Deliberately not here: anything derived (addresses of peers, compiled policy): it is computed again from signed statements.
 */
import { LedgerFile } from "../../mesh/host/ledger_file.ts";
import { readJson, writeSecret } from "../../mesh/host/state_dir.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import { jws, key32, networkId, nodeId, seconds } from "../../mesh/wire/schema.ts";
import { type BoxKey, boxKeyFromSeed, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { InTurn } from "../../mesh/wire/in_turn.ts";

const boxKey = z.strictObject({ private: key32, public: key32 });

const identityFile = z.strictObject({
  identity: z.strictObject({ seed: key32, public: key32 }),
  wg: boxKey,
  /** Announced to peers, not in use yet. */
  wgNext: boxKey.nullable(),
  seal: boxKey,
});
const networkFile = z.strictObject({
  server: z.string().max(512),
  /** PEM of the coordinator's own CA, when it has one. */
  ca: z.string().max(16_384).nullable(),
  net: networkId,
  name: z.string().max(63),
  ipv4Counter: z.int().min(0).max(15),
  /** This node's newest record as it was published. */
  record: jws,
  seq: z.int().min(1),
});
const recordsFile = z.strictObject({
  nodes: z.array(jws).max(100_000),
  gates: z.array(jws).max(10_000),
  /** Highest record number of every machine, also of those that are gone (marks.ts). */
  marks: z.array(z.tuple([nodeId, z.int().min(1), seconds])).max(200_000).default([]),
});

const addressesFile = z.record(
  z.string().min(1).max(255),
  z.array(z.union([z.ipv4(), z.ipv6()])).max(64),
);
const contactFile = z.strictObject({ at: z.int().min(0) });
/** What `ghostctl up`, `down` and `set` change. */
const settingsFile = z.strictObject({
  up: z.boolean().default(true),
  ssh: z.boolean().default(true),
  /** The exit node in use. */
  exit: z.strictObject({ node: nodeId, name: z.string().max(63), lan: z.boolean(), killSwitch: z.boolean() }).nullable()
    .default(null),
  /** Whether this machine offers itself as one; null: as ghostlink.toml says. */
  offer: z.boolean().nullable().default(null),
});

/** What people have set. */
export type Settings = z.infer<typeof settingsFile>;
/** An exit node in use. */
export type ExitChoice = NonNullable<Settings["exit"]>;
export type NetworkState = z.infer<typeof networkFile>;
/** What is kept of other machines. */
export type SavedRecords = z.infer<typeof recordsFile>;

/** A node's secret keys. */
export interface Identity {
  identity: SigningKey;
  wg: BoxKey;
  wgNext: BoxKey | null;
  seal: BoxKey;
}

/** The state folder of one node. One process at a time: the caller holds the folder's lock. */
export class NodeState {
  readonly dir: string;
  readonly ledger: LedgerFile;
  /** Settings are read and written again, one change after another. */
  readonly #changes = new InTurn();

  constructor(dir: string) {
    this.dir = dir;
    this.ledger = new LedgerFile(`${dir}/ledger.jsonl`);
  }

  async #read<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
    const path = `${this.dir}/${file}`;
    const value = await readJson(path);
    return value === undefined ? null : parse(schema, value, path, "bad_config");
  }

  async #write(file: string, value: unknown): Promise<void> {
    await writeSecret(`${this.dir}/${file}`, JSON.stringify(value));
  }

  /** The keys, or null before the first join. */
  async identity(): Promise<Identity | null> {
    return await this.#read("identity.json", identityFile);
  }

  /** The keys, made and saved when there are none. */
  async identityOrNew(random: (n: number) => Bytes): Promise<Identity> {
    const old = await this.identity();
    if (old) return old;
    const made: Identity = {
      identity: await signingKeyFromSeed(random(32)),
      wg: await boxKeyFromSeed(random(32)),
      wgNext: null,
      seal: await boxKeyFromSeed(random(32)),
    };
    await this.saveIdentity(made);
    return made;
  }

  async saveIdentity(identity: Identity): Promise<void> {
    await this.#write("identity.json", identity);
  }

  async network(): Promise<NetworkState | null> {
    return await this.#read("network.json", networkFile);
  }

  async saveNetwork(network: NetworkState): Promise<void> {
    await this.#write("network.json", network);
  }

  async records(): Promise<SavedRecords> {
    return await this.#read("records.json", recordsFile) ?? { nodes: [], gates: [], marks: [] };
  }

  async saveRecords(records: SavedRecords): Promise<void> {
    await this.#write("records.json", records);
  }

  /** Addresses by host name, as they last resolved. */
  async addresses(): Promise<Record<string, string[]>> {
    return await this.#read("addresses.json", addressesFile) ?? {};
  }

  async saveAddresses(addresses: Record<string, string[]>): Promise<void> {
    await this.#write("addresses.json", addresses);
  }

  /** When the coordinator was last there, ms since 1970; null before the first time. */
  async contact(): Promise<number | null> {
    return (await this.#read("contact.json", contactFile))?.at ?? null;
  }

  async saveContact(at: number): Promise<void> {
    await this.#write("contact.json", { at });
  }

  async settings(): Promise<Settings> {
    return await this.#read("settings.json", settingsFile) ?? settingsFile.parse({});
  }

  /** Changes these settings; all others stay, whoever changes them at the same time. */
  changeSettings(change: Partial<Settings>): Promise<void> {
    return this.#changes.run(async () => await this.#write("settings.json", { ...await this.settings(), ...change }));
  }

  /** Forgets the network; with `forget` the keys as well, so that this machine can only come back as another one. */
  async leave({ forget }: { forget: boolean }): Promise<void> {
    const keep = new Set(["lock", ...forget ? [] : ["identity.json"]]);
    for await (const { name, isFile } of Deno.readDir(this.dir)) {
      if (isFile && !keep.has(name)) await Deno.remove(`${this.dir}/${name}`);
    }
  }

  /**
   * Keeps a second daemon off this folder until `close()`.
   * @throws GhostError `port_in_use` when another process holds it
   */
  async lock(): Promise<Disposable> {
    const file = await Deno.open(`${this.dir}/lock`, { write: true, create: true, mode: 0o600 });
    if (!await file.tryLock(true)) {
      file.close();
      throw new GhostError("port_in_use", "Another ghostlink runs from this state folder", {
        place: this.dir,
        mend: "stop it, or give this one a folder of its own with --state-dir",
      });
    }
    return { [Symbol.dispose]: () => file.close() };
  }
}
