/**
 * ghostctl's own folder: one file per network, `NETWORKID.json`, mode 0600, with the admin key, where the coordinator is,
 * and the newest ledger head that was verified here; beside it `NETWORKID.ledger.jsonl`, the ledger itself, from which a lost
 * coordinator can be brought back. A file is `pending` from before genesis is sent until the coordinator
 * is known to have it, so a crash in between loses neither the key nor the network.
 */
import { LedgerFile } from "../../mesh/host/ledger_file.ts";
import { openPrivateDir, readJson, writeJson } from "../../mesh/host/state_dir.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { ledgerHead } from "../../mesh/wire/ledger.ts";
import { jws, key32, networkId, parse, z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { configDir } from "../paths.ts";

const networkFile = z.strictObject({
  v: z.literal(1),
  state: z.enum(["pending", "ready"]),
  /** SHA-256 of the set-up secret that this network was made for; the secret itself is not kept. Null: founded elsewhere. */
  setup: key32.nullable(),
  /** `https://host:port` */
  server: z.string().max(512),
  /** PEM of the coordinator's own CA, when it has one. */
  ca: z.string().max(16_384).nullable(),
  network: z.strictObject({ id: networkId, name: z.string().max(63) }),
  admin: z.strictObject({ seed: key32, public: key32 }),
  /** Newest verified head: a coordinator that shows less is rolling back. Null before the first look. */
  head: ledgerHead.nullable(),
  /** Genesis and first policy, while pending. */
  entries: z.array(jws).max(8),
});

/** What is kept of a network. */
export type KnownNetwork = z.infer<typeof networkFile>;

/** The config folder. */
export class NetworkStore {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Opens the folder, making it when `create` is set. */
  static async open(call: Call, { create = false }: { create?: boolean } = {}): Promise<NetworkStore> {
    const dir = configDir(call);
    if (create) await openPrivateDir(dir, { mend: "choose another with --config-dir" });
    return new NetworkStore(dir);
  }

  #path(net: string): string {
    return `${this.dir}/${net}.json`;
  }

  /** What is kept of a network's ledger. */
  ledger(net: string): LedgerFile {
    return new LedgerFile(`${this.dir}/${net}.ledger.jsonl`);
  }

  /** Runs `work` while no other ghostctl reads or writes what is kept of a network's ledger. */
  async locked<T>(net: string, work: () => Promise<T>): Promise<T> {
    using file = await Deno.open(`${this.dir}/${net}.lock`, { write: true, create: true, mode: 0o600 });
    await file.lock(true);
    return await work();
  }

  async save(network: KnownNetwork): Promise<void> {
    await writeJson(this.#path(network.network.id), network);
  }

  /** Keeps a policy's text as `NAME.acls.toml` for its owner to change, and gives its path; null when there is one already. */
  async keepPolicy(name: string, source: string): Promise<string | null> {
    const path = `${this.dir}/${name}.acls.toml`;
    try {
      await Deno.writeTextFile(path, source, { createNew: true, mode: 0o600 });
      return path;
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) return null;
      throw error;
    }
  }

  async remove(net: string): Promise<void> {
    await Deno.remove(this.#path(net));
  }

  /** One network, null when it is not known here. */
  async load(net: string): Promise<KnownNetwork | null> {
    const path = this.#path(net);
    const value = await readJson(path);
    return value === undefined ? null : parse(networkFile, value, path, "bad_config");
  }

  /** All networks, in the order of their names. */
  async all(): Promise<KnownNetwork[]> {
    const found: KnownNetwork[] = [];
    try {
      for await (const { name } of Deno.readDir(this.dir)) {
        if (!name.endsWith(".json") || !networkId.safeParse(name.slice(0, -5)).success) continue;
        const network = await this.load(name.slice(0, -5));
        if (network) found.push(network);
      }
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
        throw new GhostError("bad_config", "May not read this folder", {
          place: this.dir,
          mend: "run ghostctl as its owner, or name another with --config-dir",
          cause: error,
        });
      }
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return found.sort((a, b) => a.network.name < b.network.name ? -1 : 1);
  }

  /**
   * The network that `--network` names, or the only one.
   * @throws GhostError `bad_config`, `not_found`
   */
  async choose(wanted: string | undefined): Promise<KnownNetwork> {
    const ready = (await this.all()).filter((n) => n.state === "ready");
    if (ready.length === 0) {
      throw new GhostError("bad_config", "No network is administered from here", {
        place: this.dir,
        mend: "found one with: ghostctl init --server HOST --setup CODE, or name the folder with --config-dir",
      });
    }
    const fitting = wanted === undefined
      ? ready
      : ready.filter((n) => n.network.id === wanted || n.network.name === wanted);
    if (fitting.length === 1) return fitting[0]!;
    const known = (fitting.length ? fitting : ready).map((n) => `${n.network.name} (${n.network.id})`).join(", ");
    throw fitting.length === 0
      ? new GhostError("not_found", `Unknown network "${wanted}"`, { place: "--network", mend: `known here: ${known}` })
      : new GhostError("bad_config", "Several networks are administered from here", {
        place: this.dir,
        mend: `choose by --network ID: ${known}`,
      });
  }
}
