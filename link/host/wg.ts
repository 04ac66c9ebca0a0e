/**
 * WireGuard through `wg`: what it shows, and how a plan is applied. Kernel and userspace devices answer alike.
 *
 * The private key travels by standard input only, and the one that `wg show dump` prints is not kept. Measured: `wg set` and
 * `wg addconf` both replace a peer's AllowedIPs (adding to them came with wireguard-tools of 2025), so a step names them all.
 */
import type { Runner } from "../../mesh/host/runner.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { fromWgKey, toWgKey } from "../../mesh/trust/keys.ts";
import type { Endpoint, ObservedPeer, ObservedWireGuard, WgStep } from "../core/plan/mod.ts";
import { type LinkTools, MAX_TOOL_OUTPUT, toolError } from "./tools.ts";

/** Peers in one call of `wg set`. */
const BATCH_PEERS = 100;
/** How often a port that is taken is tried, and the waits between, in ms. */
const TRIES = 9;
const BETWEEN_TRIES = 250;
/** Characters of arguments in one call; the system takes 2 MiB with the environment. */
const BATCH_CHARS = 64 * 1024;

/** One WireGuard interface. */
export class WireGuard {
  readonly iface: string;
  readonly #runner: Runner;
  readonly #wg: string;

  constructor(o: { runner: Runner; tools: Pick<LinkTools, "wg">; iface: string }) {
    this.#runner = o.runner;
    this.#wg = o.tools.wg;
    this.iface = o.iface;
  }

  /**
   * What is configured now.
   * @throws GhostError when there is no such interface
   */
  async show(): Promise<ObservedWireGuard> {
    const result = await this.#runner.run(this.#wg, ["show", this.iface, "dump"]);
    if (result.code !== 0) throw toolError(result, `wg show ${this.iface}`);
    return parseWgDump(result.stdout);
  }

  /**
   * What it counts for each peer, by its key.
   * @throws GhostError when there is no such interface
   */
  async counters(): Promise<ReadonlyMap<string, ObservedPeer>> {
    return countersOf(await this.show());
  }

  /**
   * Applies a plan's steps in their order.
   * @param privateKey the private key (base64url) that belongs to a public one
   * @throws GhostError `port_in_use`, `missing_privilege`, or what `wg` said; earlier steps stay applied
   */
  async apply(steps: readonly WgStep[], privateKey: (publicKey: string) => string): Promise<void> {
    for (const call of wgCalls(steps)) {
      const stdin = call.publicKey === undefined ? {} : { stdin: `${toWgKey(privateKey(call.publicKey))}\n` };
      await whenFree(call.listenPort ?? "of WireGuard", async () => {
        const result = await this.#runner.run(this.#wg, ["set", this.iface, ...call.args], stdin);
        if (result.code === 0) return true;
        if (/address (already )?in use/i.test(result.stderr)) return false;
        throw toolError(result, `wg set ${this.iface}`);
      });
    }
  }
}

/**
 * Takes the tunnel's port as soon as it is free. The system gives any port to whoever asks for one (a question to a name server, a
 * probe), so one that is taken may be free a moment later.
 * @param take true when it has it
 * @throws GhostError `port_in_use` when somebody keeps it
 */
export async function whenFree(port: number | string, take: () => Promise<boolean>): Promise<void> {
  for (let tries = 1; !await take(); tries++) {
    if (tries === TRIES) {
      throw new GhostError("port_in_use", "Another program uses WireGuard's port", {
        place: `UDP port ${port}`,
        mend: "stop that program, or choose another with `port` in ghostlink.toml",
      });
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES));
  }
}

/** What was observed of each peer, by its key. */
export function countersOf({ peers }: ObservedWireGuard): ReadonlyMap<string, ObservedPeer> {
  return new Map(peers.map((peer) => [peer.publicKey, peer]));
}

/** One call of `wg set IF`. */
export interface WgCall {
  args: string[];
  /** Set when standard input carries the private key of this public one. */
  publicKey?: string;
  listenPort?: number;
}

/** The calls of `wg set` for a plan's steps: few, each of bounded size, in the plan's order. */
export function wgCalls(steps: readonly WgStep[]): WgCall[] {
  const calls: WgCall[] = [];
  let batch: string[] = [];
  let keys = new Set<string>();
  let chars = 0;
  const flush = () => {
    if (batch.length > 0) calls.push({ args: batch });
    batch = [];
    keys = new Set();
    chars = 0;
  };
  for (const step of steps) {
    if (step.type === "device") {
      flush();
      const call: WgCall = { args: [] };
      if (step.publicKey !== undefined) {
        call.publicKey = step.publicKey;
        call.args.push("private-key", "/dev/stdin");
      }
      if (step.listenPort !== undefined) {
        call.listenPort = step.listenPort;
        call.args.push("listen-port", `${step.listenPort}`);
      }
      if (step.fwmark !== undefined) call.args.push("fwmark", `${step.fwmark}`);
      calls.push(call);
      continue;
    }
    const args = peerArgs(step);
    const size = args.reduce((sum, arg) => sum + arg.length + 1, 0);
    // A peer that comes twice in one call would have its later words applied before other peers took theirs.
    if (keys.size >= BATCH_PEERS || chars + size > BATCH_CHARS || keys.has(step.publicKey)) flush();
    batch.push(...args);
    keys.add(step.publicKey);
    chars += size;
  }
  flush();
  return calls;
}

function peerArgs(step: Exclude<WgStep, { type: "device" }>): string[] {
  const args = ["peer", toWgKey(step.publicKey)];
  if (step.type === "remove") return [...args, "remove"];
  if (step.endpoint) args.push("endpoint", endpointText(step.endpoint));
  if (step.keepalive !== undefined) args.push("persistent-keepalive", `${step.keepalive}`);
  if (step.allowedIps) args.push("allowed-ips", step.allowedIps.join(","));
  return args;
}

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`. */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Reads `ADDRESS:PORT` or `[ADDRESS]:PORT`.
 * @throws GhostError `bad_input`
 */
export function parseEndpoint(text: string, place = "endpoint"): Endpoint {
  const match = /^(?:\[([0-9a-f:.]{2,45})(?:%[^\]]{1,15})?\]|([0-9.]{7,15})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new GhostError("bad_input", "Expected ADDRESS:PORT", { place });
  return { address: match[1] ?? match[2]!, port };
}

/**
 * Reads what `wg show IF dump` prints: a line of the device (private key, public key, port, mark) and one a peer (key,
 * preshared key, endpoint, AllowedIPs, last handshake, received, sent, keepalive), separated by tabs.
 * @throws GhostError `bad_input` with the line; never with its text, which may hold keys
 */
export function parseWgDump(text: string): ObservedWireGuard {
  if (text.length > MAX_TOOL_OUTPUT) throw new GhostError("too_large", "Too much output", { place: "wg show dump" });
  const lines = text.split("\n").filter((line) => line !== "");
  const device = fields(lines[0] ?? "", 4, 1);
  return {
    publicKey: device[0] === "(none)" ? null : fromWgKey(device[1]!),
    listenPort: count(device[2]!, 1),
    ...(device[3] === "off" ? {} : { fwmark: Number(device[3]) }),
    peers: lines.slice(1).map((line, i) => parsePeer(fields(line, 8, i + 2), i + 2)),
  };
}

function parsePeer(f: string[], line: number): ObservedPeer {
  const handshake = count(f[4]!, line);
  return {
    publicKey: fromWgKey(f[0]!),
    endpoint: f[2] === "(none)" ? null : parseEndpoint(f[2]!, `wg show dump:${line}`),
    allowedIps: f[3] === "(none)" ? [] : f[3]!.split(","),
    keepalive: f[7] === "off" ? 0 : count(f[7]!, line),
    lastHandshake: handshake === 0 ? null : handshake * 1000,
    rxBytes: count(f[5]!, line),
    txBytes: count(f[6]!, line),
  };
}

function fields(line: string, n: number, at: number): string[] {
  const parts = line.split("\t");
  if (parts.length !== n) throw new GhostError("bad_input", `Expected ${n} columns`, { place: `wg show dump:${at}` });
  return parts;
}

function count(text: string, line: number): number {
  if (!/^\d{1,20}$/.test(text)) {
    throw new GhostError("bad_input", "Expected a number", { place: `wg show dump:${line}` });
  }
  return Number(text);
}
