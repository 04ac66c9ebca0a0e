/** `ghostlink.toml`: every key has a default, so the file may be empty or missing. */
import { FIREWALLS } from "./firewall/registry.ts";
import { z } from "../../mesh/wire/schema.ts";
import { loadToml } from "../../mesh/host/config.ts";

/** What a node does besides sessions with gates. */
export const FALLBACKS = ["ice", "turn", "stun"] as const;

const turnServer = z.strictObject({
  /** RFC 7065: turn:HOST[:PORT][?transport=udp|tcp], turns:HOST[:PORT] */
  url: z.string().min(6).max(300),
  username: z.string().min(1).max(128),
  /** A file that only its owner can read, with the password in its first line. */
  password_file: z.string().min(1).max(4096),
});
export type TurnServerConfig = z.infer<typeof turnServer>;

const configFile = z.strictObject({
  link: z.strictObject({
    /** Name of the tunnel interface. */
    interface: z.string().regex(/^[a-z][a-z0-9_.-]{0,14}$/, "Expected an interface name of at most 15 characters")
      .default(
        "ghost0",
      ),
    /** UDP port of WireGuard; 0 lets the system choose. */
    port: z.int().min(0).max(65535).default(51820),
    mtu: z.int().min(1280).max(1420).default(1280),
    /** "nft" enforces the policy on the tunnel; "none" leaves that to whoever runs this machine. */
    firewall: z.string().refine((name) => Object.hasOwn(FIREWALLS, name), {
      error: () => `Expected one of ${Object.keys(FIREWALLS).join(", ")}`,
    }).default("nft"),
    /** A program of root's that is told each filter (link/host/firewall/on_change.ts). */
    on_change: z.string().max(255).regex(/^\/[^\0,]*[^/\0,]$/, "Expected the absolute path of a program").optional(),
    /** Guess ports where nothing else makes a direct path through a symmetric NAT. */
    guess: z.boolean().default(true),
    /** Ask the router for a mapping of the tunnel's port (PCP, NAT-PMP, UPnP). */
    portmap: z.boolean().default(true),
    /** False: no sessions with gates, so no lane and no quic rung. */
    use_quic: z.boolean().default(true),
    /**
     * What there is besides: direct paths by ICE, TURN servers, gates' STUN services. With "turn" before "ice" an address at a TURN
     * server is asked for at once, and not only when no gate's session has come up.
     */
    fallback: z.array(z.enum(FALLBACKS, { error: `Unknown; known are: ${FALLBACKS.join(", ")}` })).max(8)
      .default([...FALLBACKS]),
    /** TURN servers besides the gates' own. */
    turn: z.array(turnServer).max(8).default([]),
    /** False leaves this machine's name resolution as it is. */
    dns: z.boolean().default(true),
    /** Offers this machine as an exit node. */
    exit: z.boolean().default(false),
    /** A group of this machine whose members may do with the daemon whatever root may. */
    group: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "Expected the name of a group").optional(),
  }).prefault({}),
});

/** The daemon's settings. */
export type LinkConfig = z.infer<typeof configFile>["link"];

/**
 * Reads the config file, or gives the defaults without one.
 * @throws GhostError `bad_config` with file, line and column
 */
export async function loadLinkConfig(path: string | undefined): Promise<LinkConfig> {
  if (path === undefined) return configFile.parse({}).link;
  return (await loadToml(path, configFile)).link;
}
