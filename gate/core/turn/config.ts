/**
 * coturn's configuration file. It holds the secret that all credentials are made from, so it is written with mode 0600 and the
 * secret is in no argument list. Only what is asked for is on: time-limited credentials, UDP between relay and peers.
 */
import { GhostError } from "../../../mesh/wire/errors.ts";
import { deniedRanges } from "./denied.ts";
import type { ExternalAddress } from "./external.ts";

/** What a gate's TURN service is made of. */
export interface TurnPlan {
  /** Addresses of this host that coturn listens on, and the relay addresses. */
  listen: readonly string[];
  relay: readonly string[];
  /** What others call the relay addresses behind a one-to-one NAT. coturn takes both for one, as a peer's address too. */
  external?: readonly ExternalAddress[];
  /** Port for UDP and TCP. */
  port: number;
  /** Port for TLS over TCP; null without. */
  tls: number | null;
  /** Ports of relay addresses; outside of the range that the system gives to programs, so that nothing else has them. */
  ports: { first: number; last: number };
  /** The network's own prefixes. */
  overlay: readonly string[];
}

/** Where its files lie. */
export interface TurnFiles {
  /** Folder of its own, mode 0700. */
  dir: string;
  cert: string;
  key: string;
}

/** Allocations of one node at once: each of its few connections has one, and an old one may linger. */
const USER_QUOTA = 12;
const WORD = /^[A-Za-z0-9_.:/=+-]+$/;

/**
 * A range that begins at :: denies every IPv4 address in coturn 4.6, the whole internet included. :: itself is no peer to
 * coturn in any case, nor to egress.ts.
 */
const ANY = "0:0:0:0:0:0:0:0";
const ONE = "0:0:0:0:0:0:0:1";

/** The realm is no secret and names no host. */
const TURN_REALM = "ghostmesh";

/**
 * The file's text.
 * @throws GhostError `bad_config` for a value that could be read as a line of its own
 */
export function renderTurnConfig(o: { plan: TurnPlan; files: TurnFiles; secret: string }): string {
  const { plan, files } = o;
  const lines: [string, (string | number)?][] = [
    ...plan.listen.map((ip): [string, string] => ["listening-ip", ip]),
    ...plan.relay.map((ip): [string, string] => ["relay-ip", ip]),
    ...(plan.external ?? []).map((e): [string, string] => ["external-ip", `${e.public}/${e.own}`]),
    ["listening-port", plan.port],
    ...(plan.tls === null ? [["no-tls"]] as [string][] : [
      ["tls-listening-port", plan.tls],
      ["cert", files.cert],
      ["pkey", files.key],
      ["no-tlsv1"],
      ["no-tlsv1_1"],
    ] as [string, (string | number)?][]),
    ["no-dtls"],
    ["min-port", plan.ports.first],
    ["max-port", plan.ports.last],
    ["realm", TURN_REALM],
    ["use-auth-secret"],
    ["static-auth-secret", o.secret],
    ["stale-nonce", 600],
    ["user-quota", USER_QUOTA],
    ["total-quota", plan.ports.last - plan.ports.first + 1],
    ["max-allocate-timeout", 10],
    ["fingerprint"],
    ["secure-stun"],
    ["no-tcp-relay"],
    ["no-multicast-peers"],
    ["no-rfc5780"],
    ["no-software-attribute"],
    ["no-cli"],
    ["userdb", `${files.dir}/turndb`],
    ["pidfile", `${files.dir}/turnserver.pid`],
    ["log-file", "stdout"],
    ["simple-log"],
    ...deniedRanges(plan.overlay).map(({ first, last }): [string, string] => [
      "denied-peer-ip",
      `${first === ANY ? ONE : first}-${last}`,
    ]),
    // Two nodes that both come over TCP meet relay to relay. What else lies on these addresses is kept off by egress.ts.
    ...plan.relay.map((ip): [string, string] => ["allowed-peer-ip", ip]),
  ];
  return lines.map(([key, value]) => {
    if (value === undefined) return `${key}\n`;
    if (!WORD.test(String(value))) {
      throw new GhostError("bad_config", `Cannot be written into coturn's file: ${JSON.stringify(value)}`, {
        place: key,
      });
    }
    return `${key}=${value}\n`;
  }).join("");
}
