/**
 * The TURN servers that this node may use, in the order in which they are tried: the gates' own, then those that `[link] turn`
 * names. A gate is dialled where its sessions are; its record cannot send this machine to its own services or neighbours.
 */
import ipaddr from "ipaddr.js";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import type { TurnCredentials } from "../core/turn/mod.ts";
import type { TurnServerConfig } from "./config.ts";
import type { TurnServer } from "./turn_pipe.ts";

/** A server by one transport. */
export interface TurnChoice {
  /** The gate whose server it is; null for one of the config. */
  gate: string | null;
  server: TurnServer;
  /** Which relayed address is asked for; left out, the server gives IPv4. */
  family?: 6;
  /** For people: "gate1 over TLS". */
  text: string;
  credentials(): Promise<TurnCredentials>;
}

/**
 * Reads one of the config (RFC 7065). Without a transport, UDP is tried and then TCP.
 * @throws GhostError `bad_config`
 */
export async function namedServer({ url, username, password_file: file }: TurnServerConfig): Promise<NamedServer> {
  const match = /^(turns?):(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i.exec(url);
  const secure = match?.[1]?.toLowerCase() === "turns";
  const host = match?.[2] ?? match?.[3] ?? "";
  const port = Number(match?.[4] ?? (secure ? 5349 : 3478));
  if (!match || port < 1 || port > 65535 || (secure && match[5] === "udp")) {
    throw new GhostError("bad_config", `Not a TURN server: "${url}"`, {
      place: "link.turn",
      mend: 'write "turn:turn.example.com:3478?transport=udp" or "turns:turn.example.com:443"',
    });
  }
  const kinds = secure
    ? ["tls" as const]
    : [(match[5] ?? "udp") as "udp" | "tcp", ...(match[5] ? [] : ["tcp" as const])];
  return {
    transports: kinds.map((transport) => ({ transport, host, port })),
    credentials: { username, password: await readPassword(file) },
  };
}

async function readPassword(file: string): Promise<string> {
  const refuse = (message: string, mend: string, cause?: unknown) =>
    new GhostError("bad_config", message, { place: `link.turn ${file}`, mend, cause });
  let info: Deno.FileInfo, text: string;
  try {
    [info, text] = [await Deno.stat(file), await Deno.readTextFile(file)];
  } catch (cause) {
    throw refuse("Cannot read the password's file", "give its absolute path, and let ghostlink's user read it", cause);
  }
  if (((info.mode ?? 0) & 0o077) !== 0) throw refuse("Others may read the password", `chmod 600 ${file}`);
  const password = text.split(/\r?\n/, 1)[0]!;
  if (password === "" || password.length > 128) throw refuse("No password in its first line", "write it there");
  return password;
}

/** One of the config, as it is used. */
export interface NamedServer {
  transports: TurnServer[];
  credentials: TurnCredentials;
}

/** No machine but this one, or the neighbours on the link, is behind these. */
const NEVER: ReadonlySet<string> = new Set([
  "unspecified",
  "loopback",
  "linkLocal",
  "multicast",
  "broadcast",
]);

/** Whether a gate's address may be dialled. @param isOverlay of the network itself */
export function mayDial(address: string, isOverlay: (address: string) => boolean): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = ipaddr.process(address);
  return !NEVER.has(plain.range()) && !isOverlay(plain.toString());
}

/**
 * Which gate's server is tried when: the one that is preferred, where the peer has its address; those with IPv4, whose relayed
 * addresses all others reach, however this machine gets there; and of each kind the ones with a session first.
 */
export function inOrder<G extends { id: string; ipv4: boolean; session: boolean }>(
  gates: readonly G[],
  prefer: string | null,
): G[] {
  const rank = ({ id, ipv4, session }: G) => id === prefer ? 0 : (ipv4 ? 1 : 3) + (session ? 0 : 1);
  return gates.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * A gate's server by all transports, best first, over each family that leads there. UDP is asked by one of them: where the other
 * gets through instead, so does a session with the gate. The relayed address is of IPv4 wherever the gate has IPv4, whatever
 * leads to it: peers of both families reach that one through their own servers, and one of IPv6 only those whose server has IPv6.
 * @param o.addresses of its hosts, those to which there is a way
 * @param o.ipv4 whether the gate has IPv4
 */
export function choicesOf(
  gate: VerifiedGate,
  o: { addresses: readonly string[]; ipv4: boolean; credentials(): Promise<TurnCredentials> },
): TurnChoice[] {
  const { turn, cert } = gate.record;
  const isIpv6 = (address: string) => address.includes(":");
  const hosts = [o.addresses.find((a) => !isIpv6(a)), o.addresses.find(isIpv6)].filter((a) => a !== undefined);
  if (!turn) return [];
  const { port, tls } = turn;
  const transports: TurnServer[] = [
    ...hosts.slice(0, 1).map((host) => ({ transport: "udp" as const, host, port })),
    ...(tls === undefined ? [] : hosts.map((host) => ({ transport: "tls" as const, host, port: tls, cert }))),
    ...hosts.map((host) => ({ transport: "tcp" as const, host, port })),
  ];
  return transports.map((server) => ({
    gate: gate.id,
    server,
    ...(o.ipv4 ? {} : { family: 6 as const }),
    text: `${gate.name} over ${server.transport.toUpperCase()}`,
    credentials: o.credentials,
  }));
}

/** The same for one of the config. */
export function choicesOfNamed({ transports, credentials }: NamedServer): TurnChoice[] {
  return transports.map((server) => ({
    gate: null,
    server,
    text: `${server.host} over ${server.transport.toUpperCase()}`,
    credentials: () => Promise.resolve(credentials),
  }));
}
