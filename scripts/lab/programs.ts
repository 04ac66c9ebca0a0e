/** GhostMesh's own programs on the machines of a lab, started by the commands that people type. */
import type { LocalPeer, LocalStatus, Rung } from "../../mesh/wire/local.ts";
import type { Host, Lab } from "./lab.ts";
import { type Process, waitFor } from "./process.ts";
import { COORDINATOR } from "./topology.ts";

/** The two config files, as README shows them. */
export const MESH_TOML = `[server]
bind = "0.0.0.0:7777"
auth_method = "oidc"
acl_file = "acls.toml"
`;
export const GATE_TOML = `[relay]
listen = "0.0.0.0:3478"
use_quic = true
fallback = ["ice", "turn", "stun"]
`;
/** Every member reaches every member, and the office behind carol. */
export const ACLS_TOML = `[hosts]
office = "10.1.1.0/24"

[[allow]]
from = ["*"]
to = ["*", "office"]
`;

/** Starts the coordinator; its files are made when they are missing. */
export async function startMesh(
  host: Host,
  { config = MESH_TOML, acls = ACLS_TOML }: { config?: string; acls?: string } = {},
): Promise<Process> {
  await host.write("ghostmesh.toml", config);
  await host.write("acls.toml", acls);
  return host.spawn("ghostmesh", ["ghostmesh", "--config", "ghostmesh.toml"]);
}

/** The set-up code that an unclaimed coordinator prints. */
export async function setupCode(mesh: Process): Promise<string> {
  return (await mesh.line(/setup1_[A-Za-z0-9_-]+/)).match[0];
}

/** Founds the network from `admin` and gives its id. */
export async function initNetwork(
  admin: Host,
  code: string,
  { server = COORDINATOR, acls = ACLS_TOML }: { server?: string; acls?: string } = {},
): Promise<string> {
  await admin.write("acls.toml", acls);
  const argv = ["init", "--server", server, "--setup", "-", "--acls", "acls.toml"];
  return (await admin.ctlJson<{ network: { id: string } }>(argv, { stdin: code })).network.id;
}

/** A join token. */
export async function createToken(admin: Host, ...options: string[]): Promise<string> {
  return (await admin.ctl(["token", "create", ...options])).stdout.trim();
}

/** Starts a gate, with a token the first time. */
export async function startGate(
  host: Host,
  { token, server = COORDINATOR, config = GATE_TOML }: { token?: string; server?: string; config?: string } = {},
): Promise<Process> {
  await host.write("ghostgate.toml", config);
  const join = token === undefined ? [] : ["--server", server, "--auth", "-"];
  const stdin = token === undefined ? {} : { stdin: token };
  return host.spawn("ghostgate", ["ghostgate", "--config", "ghostgate.toml", ...join], stdin);
}

/** A network's two servers. */
export interface Servers {
  mesh: Process;
  gate: Process;
}

/**
 * Starts a coordinator and a gate on the hosts of these names, with a network that is founded from `admin`.
 * @param o.server where the coordinator is, if not at its usual place; `mesh` and `gate` are their config files
 */
export async function startNetwork(
  lab: Lab,
  admin: Host,
  o: { server?: string; acls?: string; mesh?: string; gate?: string } = {},
): Promise<Servers> {
  const server = o.server === undefined ? {} : { server: o.server };
  const acls = o.acls === undefined ? {} : { acls: o.acls };
  const mesh = await startMesh(lab.host("coordinator"), { ...acls, ...(o.mesh !== undefined && { config: o.mesh }) });
  await initNetwork(admin, await setupCode(mesh), { ...server, ...acls });
  const token = await createToken(admin, "--gate");
  const config = o.gate === undefined ? {} : { config: o.gate };
  return { mesh, gate: await startGate(lab.host("gate"), { token, ...server, ...config }) };
}

/** Enrols a machine and goes on as its daemon; the name is the host's. */
export function joinLink(host: Host, token: string, ...options: string[]): Process {
  const server = options.includes("--server") ? [] : ["--server", COORDINATOR];
  return host.spawn("ghostlink", ["ghostlink", "join", ...server, "--auth", "-", ...options], { stdin: token });
}

/** Machines join with this token, all at once, and are up. */
export async function joinAll(hosts: readonly Host[], token: string, ...options: string[]): Promise<Process[]> {
  const links = hosts.map((host) => joinLink(host, token, ...options));
  await Promise.all(links.map((link) => link.line(/ is up: /)));
  return links;
}

/** The same with a token that `admin` makes for them. */
export async function admit(admin: Host, hosts: readonly Host[], ...options: string[]): Promise<Process[]> {
  return await joinAll(hosts, await createToken(admin, "--uses", `${hosts.length}`), ...options);
}

/** Starts a daemon from its state. */
export function runLink(host: Host, ...options: string[]): Process {
  return host.spawn("ghostlink", ["ghostlink", "run", ...options]);
}

/** The daemon's status, by ghostctl. */
export async function status(host: Host): Promise<LocalStatus> {
  return await host.ctlJson<LocalStatus>(["status"]);
}

/** The daemon's peers, by ghostctl. */
export async function peers(host: Host): Promise<LocalPeer[]> {
  return (await host.ctlJson<{ peers: LocalPeer[] }>(["peers"])).peers;
}

/** Waits until a host's daemon has a path of this rung to a peer, and gives the peer. */
export async function waitForRung(host: Host, peer: string, rung: Rung, timeout = 30_000): Promise<LocalPeer> {
  let seen = "nothing";
  try {
    return await waitFor(`"${rung}" from ${host.name} to ${peer}`, async () => {
      const found = (await peers(host)).find((p) => p.name === peer);
      seen = found?.path.rung ?? "no such peer";
      return found?.path.rung === rung && found;
    }, { timeout, every: 100 });
  } catch (error) {
    if (error instanceof Error) error.message += ` (last seen: ${seen})`;
    throw error;
  }
}

/** The IPv4 address among several. */
export function ipv4Of(addresses: readonly string[]): string {
  const found = addresses.find((address) => address.includes("."));
  if (!found) throw new Error(`No IPv4 address among ${addresses.join(", ")}`);
  return found.replace(/\/.*/, "");
}
