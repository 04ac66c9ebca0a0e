/** GhostMesh's own programs on the machines of a lab, started by the commands that people type. */
import type { LocalPeer, LocalStatus, Rung } from "../../mesh/wire/local.ts";
import type { Host } from "./lab.ts";
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

/** Enrols a machine and goes on as its daemon; the name is the host's. */
export function joinLink(host: Host, token: string, ...options: string[]): Process {
  const server = options.includes("--server") ? [] : ["--server", COORDINATOR];
  return host.spawn("ghostlink", ["ghostlink", "join", ...server, "--auth", "-", ...options], { stdin: token });
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
