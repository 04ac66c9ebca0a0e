/** `ghostlink.toml`: every key has a default, so the file may be empty or missing. */
import { FIREWALLS } from "./firewall/registry.ts";
import { z } from "../../mesh/wire/schema.ts";
import { loadToml } from "../../mesh/host/config.ts";

/** What a node does besides sessions with gates. */
export const FALLBACKS = ["ice", "turn", "stun"] as const;

const turnServer = z.strictObject({
  url: z.string().min(6).max(300)
    .describe(
      "a TURN server besides the gates' own (RFC 7065): turn:HOST[:PORT][?transport=udp|tcp], turns:HOST[:PORT]",
    ),
  username: z.string().min(1).max(128).describe("the user name there"),
  password_file: z.string().min(1).max(4096)
    .describe("a file that only its owner can read, with the password in its first line"),
});
export type TurnServerConfig = z.infer<typeof turnServer>;

/** Each key, with what COMMANDS.md says of it. */
export const linkConfigFile = z.strictObject({
  link: z.strictObject({
    interface: z.string().regex(/^[a-z][a-z0-9_.-]{0,14}$/, "Expected an interface name of at most 15 characters")
      .default("ghost0").describe("name of the tunnel interface"),
    port: z.int().min(0).max(65535).default(51820).describe("UDP port of WireGuard; 0 lets the system choose"),
    mtu: z.int().min(1280).max(1420).default(1280).describe("MTU of the tunnel"),
    firewall: z.string().refine((name) => Object.hasOwn(FIREWALLS, name), {
      error: () => `Expected one of ${Object.keys(FIREWALLS).join(", ")}`,
    }).default("nft")
      .describe('"nft" enforces the policy on the tunnel; "none" leaves that to whoever runs this machine'),
    on_change: z.string().max(255).regex(/^\/[^\0,]*[^/\0,]$/, "Expected the absolute path of a program").optional()
      .describe("a program of root's that is told each filter"),
    guess: z.boolean().default(true)
      .describe("guess ports where nothing else makes a direct path through a symmetric NAT"),
    portmap: z.boolean().default(true)
      .describe("ask the router for a mapping of the tunnel's port (PCP, NAT-PMP, UPnP)"),
    use_quic: z.boolean().default(true).describe("false: no sessions with gates, so no lane and no quic rung"),
    fallback: z.array(z.enum(FALLBACKS, { error: `Unknown; known are: ${FALLBACKS.join(", ")}` })).max(8)
      .default([...FALLBACKS]).describe(
        'what there is besides: direct paths by ICE, TURN servers, gates\' STUN services; with "turn" before "ice" an address ' +
          "at a TURN server is asked for at once, and not only when no gate's session has come up",
      ),
    turn: z.array(turnServer).max(8).default([]),
    dns: z.boolean().default(true).describe("false leaves this machine's name resolution as it is"),
    exit: z.boolean().default(false).describe("offers this machine as an exit node"),
    group: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "Expected the name of a group").optional()
      .describe("a group of this machine whose members may do with the daemon whatever root may"),
  }).prefault({}),
});

/** The daemon's settings. */
export type LinkConfig = z.infer<typeof linkConfigFile>["link"];

/**
 * Reads the config file, or gives the defaults without one.
 * @throws GhostError `bad_config` with file, line and column
 */
export async function loadLinkConfig(path: string | undefined): Promise<LinkConfig> {
  if (path === undefined) return linkConfigFile.parse({}).link;
  return (await loadToml(path, linkConfigFile)).link;
}
