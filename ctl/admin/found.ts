/**
 * Founding a network: an admin key, genesis and the first policy, all made here and on the disk before the coordinator hears
 * of them. Doing it again with the same set-up code finishes what was begun: the key is the same, and a network that the
 * coordinator took before an answer was lost is found again by its id.
 */
import { MeshClient } from "../../mesh/client/mesh_client.ts";
import { pinCa } from "../../mesh/client/pin.ts";
import { parseServer, serverText } from "../../mesh/client/server_address.ts";
import { hashOf, networkIdOf, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { type Bytes, toBase64Url } from "../../mesh/wire/encoding.ts";
import { type ErrorCode, GhostError } from "../../mesh/wire/errors.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import { decodeSetupCode } from "../../mesh/wire/token.ts";
import { random, unixTime } from "./host.ts";
import { AdminNetwork } from "./network.ts";
import type { KnownNetwork, NetworkStore } from "./store.ts";

/** Failures after which the coordinator may have the network all the same. */
const MAYBE_TAKEN: ReadonlySet<ErrorCode> = new Set(["unreachable", "timeout", "internal", "already_claimed"]);

/** What the founder decides. */
export interface Wish {
  name: string;
  suffix: string;
  ipv4: string;
  quorum: number;
}

/** A coordinator that waits to be claimed, as the holder of its set-up code sees it. */
export class Founding {
  readonly #store: NetworkStore;
  readonly #server: string;
  readonly #ca: string | null;
  readonly #secret: Bytes;
  readonly #setup: string;
  readonly #admin: SigningKey;

  private constructor(
    o: { store: NetworkStore; server: string; ca: string | null; secret: Bytes; setup: string; admin: SigningKey },
  ) {
    this.#store = o.store;
    this.#server = o.server;
    this.#ca = o.ca;
    this.#secret = o.secret;
    this.#setup = o.setup;
    this.#admin = o.admin;
  }

  /** Reads the code, pins the coordinator's CA by it and makes (or finds) the admin key. */
  static async begin(o: { server: string; code: string; store: NetworkStore }): Promise<Founding> {
    const url = parseServer(o.server);
    const code = decodeSetupCode(o.code);
    const secret = new Uint8Array(code.secret);
    const ca = code.ca === undefined ? null : await pinCa(url, code.ca);
    const setup = await hashOf(secret);
    const before = (await o.store.all()).find((n) => n.setup === setup);
    const admin = before?.admin ?? await signingKeyFromSeed(random(32));
    return new Founding({ store: o.store, server: serverText(url), ca, secret, setup, admin });
  }

  #client(net: string): MeshClient {
    const [server, ca, key] = [this.#server, this.#ca, this.#admin];
    return new MeshClient({ server, ca, net, key, now: () => Date.now(), random });
  }

  /**
   * The network that an earlier try made and the coordinator has; null when it is still unclaimed.
   * @throws GhostError `already_claimed` by somebody else
   */
  async finished(): Promise<KnownNetwork | null> {
    const { claimed, network } = await this.#client("").info();
    if (!claimed) return null;
    const mine = network === null ? null : await this.#store.load(network.id);
    if (mine?.setup === this.#setup) return mine;
    throw new GhostError("already_claimed", `This coordinator has its network already: ${network?.name ?? "?"}`, {
      place: this.#server,
      mend: "its admins add machines with: ghostctl token create",
    });
  }

  /** The policy draft that the coordinator serves. */
  async draft(): Promise<{ source: string; sha256: string } | null> {
    const draft = await this.#client("").draft({ setup: this.#secret });
    return draft && { source: draft.source, sha256: await hashOf(draft.source) };
  }

  /** Signs genesis and policy and keeps them, not yet known to anybody else. */
  async prepare(wish: Wish, policy: LedgerBody<"policy">): Promise<KnownNetwork> {
    const admin = this.#admin;
    const { name, suffix, ipv4, quorum } = wish;
    const body = {
      name,
      suffix,
      admins: [{ key: admin.public, name: "founder" }],
      quorum,
      ipv4,
      salt: toBase64Url(random(32)),
    };
    const genesis = await signEntry({ ledger: null, admin, kind: "genesis", body, iat: unixTime() });
    const ledger = await Ledger.open([genesis]);
    await ledger.append(await signEntry({ ledger, admin, kind: "policy", body: policy, iat: unixTime() }));
    const known: KnownNetwork = {
      v: 1,
      state: "pending",
      setup: this.#setup,
      server: this.#server,
      ca: this.#ca,
      network: { id: await networkIdOf(genesis), name },
      admin,
      head: ledger.head,
      entries: [...ledger.entries],
    };
    await this.#store.save(known);
    return known;
  }

  /** Hands genesis and policy to the coordinator. What it certainly did not take is forgotten here, too. */
  async claim(known: KnownNetwork): Promise<void> {
    try {
      await this.#client(known.network.id).setup(this.#secret, known.entries);
    } catch (error) {
      if (error instanceof GhostError && !MAYBE_TAKEN.has(error.code)) await this.#store.remove(known.network.id);
      throw error;
    }
  }

  /** Makes sure that the coordinator shows this network from genesis on, and makes it one that is administered from here. */
  async finish(known: KnownNetwork): Promise<{ known: KnownNetwork; ledger: Ledger }> {
    const ready: KnownNetwork = { ...known, state: "ready", entries: [] };
    const ledger = await new AdminNetwork(ready, this.#store).ledger();
    await this.#store.save({ ...ready, head: ledger.head });
    for (const other of await this.#store.all()) {
      // Tries that the coordinator never took; their key lives on in the one that it took.
      if (other.state === "pending" && other.setup === this.#setup) await this.#store.remove(other.network.id);
    }
    return { known: ready, ledger };
  }
}
