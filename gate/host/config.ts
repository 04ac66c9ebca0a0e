/** ghostgate.toml. Everything has a default. */
import { bindAddress } from "../../mesh/host/bind_address.ts";
import { loadToml } from "../../mesh/host/config.ts";
import { GATE_PORT } from "../../mesh/wire/gate_session.ts";
import { label, z } from "../../mesh/wire/schema.ts";
import { checkPorts } from "./config_ports.ts";

/** What a gate offers to nodes that have no direct path. */
const FALLBACKS = ["ice", "turn", "stun"] as const;

const listen = bindAddress({ usual: GATE_PORT });

function portRange(text: string): { first: number; last: number } | null {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  return match && first >= 1024 && first < last && last <= 65535 ? { first, last } : null;
}

const lanes = z.string().max(16).transform((text, context) => {
  if (text === "") return null;
  const range = portRange(text);
  if (range) return range;
  context.addIssue({
    code: "custom",
    message: 'Expected two ports from 1024 on, such as "40000-49999", or "" for none',
  });
  return z.NEVER;
});

const turnPorts = z.string().max(16).transform((text, context) => {
  const range = portRange(text);
  if (range) return range;
  context.addIssue({ code: "custom", message: 'Expected two ports from 1024 on, such as "61000-65535"' });
  return z.NEVER;
});

const host = z.string().min(1).max(253).regex(/^[A-Za-z0-9_.:-]+$/, "Expected a host name or an address without port");

/** Each key, with what COMMANDS.md says of it. */
export const gateConfigFile = z.strictObject({
  relay: z.strictObject({
    listen: listen.prefault(`0.0.0.0:${GATE_PORT}`)
      .describe("address and UDP port of the QUIC server; [::] serves IPv4 too, port 0 takes a free one"),
    use_quic: z.boolean().default(true).describe("false: no sessions and no lanes, so TURN and STUN alone"),
    fallback: z.array(z.enum(FALLBACKS, { error: `Unknown; known are: ${FALLBACKS.join(", ")}` })).max(8)
      .default([...FALLBACKS])
      .describe('services besides: "turn" and "stun"; "ice" is what machines do among themselves'),
    name: label.optional().describe("its name (the host name's first label)"),
    region: z.string().max(64).default("").describe("where it is, for people to read"),
    stun: z.int().min(1).max(65535).optional().describe("UDP port of the STUN service (the one after listen's)"),
    lanes: lanes.prefault("40000-49999")
      .describe('UDP ports of lanes; "" is no lanes. The first one is for proofs of address'),
    // A second's worth may come at once. Lanes in the kernel and lanes through this process count apart.
    lane_mbit: z.number().positive().max(1_000_000).optional()
      .describe("Mbit/s that one machine may send over all its lanes (as much as it can)"),
    lanes_mbit: z.number().positive().max(1_000_000).optional()
      .describe("Mbit/s that all machines together may send over lanes (as much as they can)"),
    lanes_per_node: z.int().min(1).max(65_535).default(256).describe("lanes that one machine may have"),
    lanes_per_network: z.int().min(1).max(65_535).default(65_535)
      .describe("lanes that all machines of a network may have"),
    lane_idle: z.int().min(4).max(86_400).default(300)
      .describe("seconds without data after which a lane ends; the next data asks for another one"),
    lanes_kernel: z.boolean().default(true)
      .describe("false: lanes go through this process, and the host's nftables and forwarding are left alone"),
    turn: z.int().min(1).max(65535).optional()
      .describe("UDP and TCP port of the TURN service, coturn (two after listen's)"),
    turn_tls: z.int().min(0).max(65535).default(443)
      .describe("its TLS port; 0 is none, 443 is what strict networks let out"),
    turn_ports: turnPorts.prefault("61000-65535")
      .describe("UDP ports of its relayed addresses, which the system must give to no other program"),
    metrics: z.union([z.int().min(1).max(65_535).transform((port) => ({ hostname: "127.0.0.1", port })), listen])
      .optional()
      .describe("where Prometheus finds counters: a port of the loopback, or an address and a port (nowhere)"),
    advertise: z.array(host).min(1).max(16).optional()
      .describe(
        "host names or addresses that machines use; behind a one-to-one NAT the public one (the host's own addresses)",
      ),
  }).prefault({}),
});

/** The settings of `[relay]`. */
export type GateConfig = z.infer<typeof gateConfigFile>["relay"];

/**
 * Reads the file, or gives the defaults when there is none to read.
 * @throws GhostError `bad_config` with place and mend
 */
export async function loadGateConfig(path: string | undefined): Promise<GateConfig> {
  if (path === undefined) return gateConfigFile.parse({}).relay;
  const { relay } = await loadToml(path, gateConfigFile);
  checkPorts(path, relay);
  return relay;
}
