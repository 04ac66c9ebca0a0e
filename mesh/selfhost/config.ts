/** ghostmesh.toml. Everything has a default; relative paths are relative to the file. */
import { dirname, resolve } from "node:path";
import ipaddr from "ipaddr.js";
import { bindAddress } from "../host/bind_address.ts";
import { loadToml } from "../host/config.ts";
import { MESH_PORT } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";
import { prefix, z } from "../wire/schema.ts";
import { CERTIFICATE_HEADERS, type CertificateHeader } from "./client_certificate.ts";

/** Ways in for those who come without a token. */
const AUTH_METHODS = ["static", "oidc", "mtls"] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

const method = z.enum(AUTH_METHODS, { error: `Unknown; known are: ${AUTH_METHODS.join(", ")}` });

const bind = bindAddress({ usual: MESH_PORT, names: ["localhost"] });
const path = z.string().min(1).max(4096);
const name = z.string().min(1).max(253).regex(/^[A-Za-z0-9_.:-]+$/, "Expected a host name or an address without port");

const proxy = prefix.refine((text) => ipaddr.isValidCIDR(text), "Expected a prefix such as 10.0.0.1/32");

/** Each key, with what COMMANDS.md says of it. */
export const meshConfigFile = z.strictObject({
  server: z.strictObject({
    bind: bind.prefault(`0.0.0.0:${MESH_PORT}`)
      .describe("address and port where it listens; [::] serves IPv4 too, port 0 takes a free one"),
    auth_method: z.union([method, z.array(method).min(1).max(AUTH_METHODS.length)]).default("static")
      .describe("one or a list of static, oidc and mtls: what it tells those who come without a token"),
    acl_file: path.optional().describe("a draft of the policy, which admins sign with ghostctl"),
    names: z.array(name).max(64).default([])
      .describe("more names and addresses for the certificate that it makes itself"),
    tls: z.literal("off", { error: 'Expected "off"; for a certificate of your own there is the section [tls]' })
      .optional().describe('"off" serves without TLS: only on loopback, or behind a proxy that does it'),
    trusted_proxy: z.union([proxy, z.array(proxy).min(1).max(16)]).optional()
      .describe("one or a list of prefixes of the proxy in front"),
    client_certificate_header: z.string().toLowerCase().pipe(
      z.enum(CERTIFICATE_HEADERS, { error: `Unknown; known are: ${CERTIFICATE_HEADERS.join(", ")}` }),
    ).optional().describe(
      `the header in which that proxy, and nobody else, tells the client's certificate: ${
        CERTIFICATE_HEADERS.join(" or ")
      }`,
    ),
  }).prefault({}),
  tls: z.strictObject({
    cert: path.describe("a certificate of your own (PEM) instead of the one that it makes itself"),
    key: path.describe("its key (PEM)"),
  }, {
    error: ({ input }) =>
      typeof input === "string"
        ? 'Expected a section [tls] with cert and key; tls = "off" belongs in [server]'
        : undefined,
  }).optional(),
  store: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).optional()
      .describe("a Deno KV elsewhere (KV Connect), instead of a file in the state folder"),
  }).prefault({}),
});

/** How the coordinator serves TLS: by its own CA, by files, or not at all. */
export type TlsChoice = { kind: "own" } | { kind: "files"; cert: string; key: string } | { kind: "off" };

export interface MeshConfig {
  /** The file that it came from, undefined for the defaults. */
  file: string | undefined;
  bind: { hostname: string; port: number };
  authMethods: AuthMethod[];
  aclFile: string | undefined;
  names: string[];
  tls: TlsChoice;
  /** Prefixes of the proxy in front. */
  trustedProxy: string[];
  certificateHeader: CertificateHeader | undefined;
  /** Remote store (KV Connect); undefined is a file in the state folder. */
  storeUrl: string | undefined;
}

/**
 * Reads the file, or gives the defaults when there is none to read.
 * @throws GhostError `bad_config` with place and mend
 */
export async function loadMeshConfig(file: string | undefined): Promise<MeshConfig> {
  const { server, tls, store } = file === undefined ? meshConfigFile.parse({}) : await loadToml(file, meshConfigFile);
  const base = dirname(resolve(file ?? "ghostmesh.toml"));
  const place = (key: string) => `${file} ${key}`;
  if (server.tls === "off") {
    if (tls) {
      throw new GhostError("bad_config", 'tls = "off" and a section [tls] contradict each other', {
        place: place("server.tls"),
        mend: "take one of them out",
      });
    }
    if (!isLoopback(server.bind.hostname) && server.trusted_proxy === undefined) {
      throw new GhostError("bad_config", `tls = "off" would serve ${server.bind.hostname} in the clear`, {
        place: place("server.tls"),
        mend: 'bind to 127.0.0.1, or name the proxy that does TLS: trusted_proxy = "10.0.0.1/32"',
      });
    }
  }
  if (server.client_certificate_header !== undefined && server.trusted_proxy === undefined) {
    throw new GhostError("bad_config", "Without a trusted proxy nobody's header is believed", {
      place: place("server.client_certificate_header"),
      mend: 'name the proxy: trusted_proxy = "10.0.0.1/32"',
    });
  }
  return {
    file,
    bind: server.bind,
    authMethods: [...new Set([server.auth_method].flat())],
    aclFile: server.acl_file === undefined ? undefined : resolve(base, server.acl_file),
    names: server.names,
    tls: server.tls === "off"
      ? { kind: "off" }
      : tls
      ? { kind: "files", cert: resolve(base, tls.cert), key: resolve(base, tls.key) }
      : { kind: "own" },
    trustedProxy: [server.trusted_proxy ?? []].flat(),
    certificateHeader: server.client_certificate_header,
    storeUrl: store.url,
  };
}

/** Whether only this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || (ipaddr.isValid(hostname) && ipaddr.process(hostname).range() === "loopback");
}
