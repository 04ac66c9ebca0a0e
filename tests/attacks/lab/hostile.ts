/** The network of the end-to-end tests with its coordinator in an enemy's hands, and what its machines really do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, Lab } from "../../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../../scripts/lab/process.ts";
import {
  createToken,
  initNetwork,
  MESH_TOML,
  setupCode,
  startGate,
  startMesh,
  status,
  waitForRung,
} from "../../../scripts/lab/programs.ts";
import { buildHomes } from "../../../scripts/lab/topology.ts";
import { HOME } from "../../../scripts/lab/lab.ts";
import { PROJECT } from "../../../scripts/lib/run.ts";
import { type SigningKey, signingKeyFromSeed } from "../../../mesh/trust/keys.ts";
import { Ledger, signEntry } from "../../../mesh/trust/ledger.ts";
import { makeRequestProof } from "../../../mesh/trust/proof.ts";
import { fromBase64Url, utf8 } from "../../../mesh/wire/encoding.ts";
import type { LedgerBody, LedgerKind } from "../../../mesh/wire/ledger.ts";
import type { NodeRecord } from "../../../mesh/wire/record.ts";
import { joinThree } from "../../lab/support.ts";
import { payloadOf } from "../forge.ts";
import type { MeshOrder, Seen } from "../hostile_mesh.ts";

/** The machines that are members. */
export const MEMBERS = ["alice", "bob", "carol"] as const;

/** What decides where packets go and which pass, as the kernel and WireGuard have it. */
export interface Holdings {
  /** Peer key and allowed addresses. */
  peers: string[];
  /** Routes that lead into the tunnel. */
  routes: string[];
  /** Rules and sets of the packet filter on the tunnel. */
  filter: string;
}

/** A hostile program that is told what to do. */
export class Hostile<Order> {
  readonly host: Host;
  readonly process: Process;
  #told = 0;

  /** Waits for a line that comes after `from`. */
  async said(pattern: RegExp, from: number): Promise<void> {
    await this.process.line(pattern, { from });
  }

  constructor(host: Host, process: Process) {
    this.host = host;
    this.process = process;
  }

  /** Gives an order and waits until it is carried out. */
  async order(...orders: Order[]): Promise<void> {
    const text = orders.map((order) => `${JSON.stringify(order)}\n`).join("");
    const from = this.process.lines.length;
    await this.host.run(["/bin/sh", "-euc", 'cat >>"$1"', "sh", `${HOME}/orders`], { stdin: text });
    this.#told += orders.length;
    const line = await this.process.line(new RegExp(`order ${this.#told} (done|failed.*)`), { from });
    assert.equal(line.match[1], "done", line.text);
  }
}

/** A network whose coordinator lies on command. */
export interface Occupied {
  lab: Lab;
  mesh: Hostile<MeshOrder>;
  honest: Process;
  gate: Process;
  links: Record<(typeof MEMBERS)[number], Process>;
  host(name: string): Host;
}

/** Starts a program of tests/attacks on a host. */
export function startHostile(host: Host, program: string, ...args: string[]): Process {
  const settings = ["--quiet", "--no-prompt", "--config", join(PROJECT, "deno.json"), "-P=test"];
  const file = join(PROJECT, "tests", "attacks", program);
  return host.spawn(program, [Deno.execPath(), "run", ...settings, file, ...args]);
}

/** Builds the demo's world; the honest coordinator runs behind the hostile one. */
export async function occupied(): Promise<Occupied> {
  const lab = new Lab();
  await buildHomes(lab);
  const host = (name: string) => lab.host(name);
  const honest = await startMesh(host("coordinator"), { config: MESH_TOML.replace("0.0.0.0:7777", "127.0.0.1:7778") });
  const code = await setupCode(honest);
  const program = startHostile(
    host("coordinator"),
    "hostile_mesh.ts",
    "/var/lib/ghostmesh",
    "7778",
    `${HOME}/orders`,
    `${HOME}/seen`,
  );
  await program.line(/is hostile/);
  const mesh = new Hostile<MeshOrder>(host("coordinator"), program);
  await initNetwork(host("alice"), code);
  const gate = await startGate(host("gate"), { token: await createToken(host("alice"), "--gate") });
  const links = await joinThree(host);
  await allDirect(host);
  return { lab, mesh, honest, gate, links, host };
}

/** Waits until every pair has a direct path. */
export async function allDirect(host: (name: string) => Host): Promise<void> {
  await waitForRung(host("alice"), "bob", "direct");
  await waitForRung(host("alice"), "carol", "direct");
  await waitForRung(host("bob"), "carol", "direct");
}

/** What a machine's kernel and WireGuard have. */
export async function holdings(host: Host): Promise<Holdings> {
  const { interface: iface } = (await status(host)).self;
  const { stdout: peers } = await host.run(["wg", "show", iface, "allowed-ips"]);
  const { stdout: routes } = await host.sh(`ip route show dev ${iface}; ip -6 route show dev ${iface}`);
  const { stdout: filter } = await host.run(["nft", "-s", "list", "ruleset"]);
  const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean).sort();
  // The bridge maps say by which socket a path is reached; they come and go with paths, and let nothing in.
  return {
    peers: lines(peers),
    routes: lines(routes),
    filter: filter.replace(/\tmap bridge_[^}]*(?:\{[^}]*\}[^}]*)?\}\n/g, ""),
  };
}

/** The keys that WireGuard takes packets from. */
export async function wgKeys(host: Host): Promise<string[]> {
  return (await holdings(host)).peers.map((line) => line.split("\t")[0]!);
}

/** What went through the hostile coordinator's hands. */
export async function seen(net: Occupied): Promise<Seen> {
  return JSON.parse((await net.host("coordinator").run(["cat", `${HOME}/seen`])).stdout) as Seen;
}

/** The newest record of a member that the coordinator has. */
export async function recordOf(net: Occupied, name: string): Promise<{ jws: string; record: NodeRecord }> {
  const all = (await seen(net)).nodes.map((jws) => ({ jws, record: payloadOf<NodeRecord>(jws) }));
  const found = all.filter(({ record }) => record.name === name).sort((a, b) => b.record.seq - a.record.seq)[0];
  assert.ok(found, `no record of ${name}`);
  return found;
}

/** The ledger as it went through the coordinator's hands. */
export async function ledgerOf(net: Occupied): Promise<Ledger> {
  const entries = (await seen(net)).ledger;
  const seq = (jws: string) => payloadOf<{ seq: number }>(jws).seq;
  return await Ledger.open(entries.toSorted((a, b) => seq(a) - seq(b)));
}

/** Names the file of ghostctl's folder that holds the network's admin key. */
export const ADMIN_FILE = "ls .config/ghostctl/*.json | grep -E '/[a-z2-7]{32}[.]json$'";

/** The admin's key, read from ghostctl's folder on alice's machine. */
export async function adminKey(net: Occupied): Promise<SigningKey> {
  const { stdout } = await net.host("alice").sh(`cat $(${ADMIN_FILE})`);
  const file = JSON.parse(stdout) as { admin: { seed: string } };
  return await signingKeyFromSeed(fromBase64Url(file.admin.seed));
}

/** Signs an entry by the admin's key and has the honest coordinator take it, at the head that this one has. */
export async function append<K extends LedgerKind>(net: Occupied, kind: K, body: LedgerBody<K>): Promise<string> {
  const admin = await adminKey(net);
  const ledger = await ledgerOf(net);
  const iat = Math.floor(Date.now() / 1000);
  const entry = await signEntry({ ledger, admin, kind, body, iat });
  const text = JSON.stringify({ entries: [entry] });
  const proof = await makeRequestProof({
    key: admin,
    method: "POST",
    path: "/v1/ledger",
    net: ledger.network.id,
    body: utf8(text),
    iat,
    jti: crypto.randomUUID(),
  });
  await net.mesh.order({ do: "pass", path: "/v1/ledger", body: text, proof });
  return entry;
}

/** The number of the newest ledger entry that a machine has. */
export async function seqAt(host: Host): Promise<number> {
  return (await status(host)).network.ledgerSeq;
}

/**
 * Waits until these machines have worked through all that was said to them so far: an honest entry is signed and followed until
 * it has arrived, and streams keep their order.
 */
export async function settle(net: Occupied, members: readonly string[] = MEMBERS): Promise<void> {
  const before = await seqAt(net.host("alice"));
  await createToken(net.host("alice"), "--uses", "1");
  for (const name of members) {
    await waitFor(`${name} to have worked through what was said`, async () => await seqAt(net.host(name)) > before);
  }
}

/** Runs an attack, and asserts that no member's keys, addresses, routes or rules changed by it. */
export async function changesNothing(net: Occupied, attack: () => Promise<void>): Promise<void> {
  const all = async () => await Promise.all(MEMBERS.map((name) => holdings(net.host(name))));
  const before = await all();
  await attack();
  await settle(net);
  assert.deepEqual(await all(), before);
  for (const link of Object.values(net.links)) assert.ok(link.running, link.tail());
}
