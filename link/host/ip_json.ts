/** Reading what `ip -json` prints of addresses and routes. */
import { GhostError } from "../../mesh/wire/errors.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import {
  CONTAINER_NAMES,
  type HostRoute,
  type ObservedAddresses,
  type OwnRoutes,
  ROUTE_PROTOCOL,
} from "../core/plan/mod.ts";

/** Every tunnel of GhostMesh carries this in front of its owner as the interface's alias. */
export const ALIAS_PREFIX = "ghostlink ";

/** Bridges and ends of containers and virtual machines: their addresses are the same on many machines and lead nowhere. */
export function isContainer(iface: string): boolean {
  return CONTAINER_NAMES.some((name) => iface.startsWith(name));
}
/**
 * Kinds of other VPNs' tunnels. A path inside one could work, but its packets are smaller than ours, what does not fit is lost
 * without a word, and it is never shorter than the path that the tunnel itself takes.
 */
const TUNNEL = /^(tun|wireguard|ipip|sit|gre|ip6tnl|vti|xfrm)/;

const text = z.string().max(256);
const addressList = z.array(z.object({
  ifname: text.optional(),
  flags: z.array(text).max(64).default([]),
  mtu: z.int().default(0),
  ifalias: text.optional(),
  linkinfo: z.object({ info_kind: text.optional() }).optional(),
  addr_info: z.array(z.object({
    family: text.optional(),
    local: text.optional(),
    address: text.optional(),
    prefixlen: z.int().min(0).max(128).optional(),
    scope: text.optional(),
    deprecated: z.boolean().optional(),
    tentative: z.boolean().optional(),
    dadfailed: z.boolean().optional(),
  })).max(10_000).default([]),
})).max(10_000);
const routeList = z.array(z.object({
  dst: text.default("default"),
  dev: text.optional(),
  prefsrc: text.optional(),
  gateway: text.optional(),
  metric: z.int().optional(),
  protocol: z.union([text, z.int()]).optional(),
  type: text.optional(),
})).max(100_000);

/** A row of `ip addr`. */
export type LinkRow = z.infer<typeof addressList>[number];
/** A row of `ip route`. */
export type RouteRow = z.infer<typeof routeList>[number];

/** Reads `ip -json addr show ...`. @throws GhostError `bad_input` */
export function readLinks(json: unknown): LinkRow[] {
  return parse(addressList, json, "ip addr");
}

/** Reads `ip -json route ...`. @throws GhostError `bad_input` */
export function readRoutes(json: unknown): RouteRow[] {
  return parse(routeList, json, "ip route");
}

/** An address of this machine at which peers may reach it. */
export interface HostAddress {
  address: string;
  family: 4 | 6;
  iface: string;
}

/** Reads `ip -json addr show dev IF`. */
export function parseAddresses(json: unknown): ObservedAddresses {
  const [link] = readLinks(json).filter((l) => l.ifname !== undefined);
  if (!link) throw new GhostError("not_found", "No such interface", { place: "ip addr" });
  return {
    addresses: link.addr_info.filter((a) => a.scope !== "link" && a.local !== undefined)
      .map((a) => `${a.local}/${a.prefixlen}`),
    mtu: link.mtu,
    up: link.flags.includes("UP"),
  };
}

/** Reads `ip -4|-6 -json route show proto N`: what leads into the tunnel, and what is unreachable. */
export function parseOwnRoutes(json: unknown, family: 4 | 6, tunnel: string): OwnRoutes {
  const rows = readRoutes(json);
  return {
    tunnel: rows.filter((r) => r.dev === tunnel).map((r) => ({
      prefix: r.dst === "default" ? (family === 4 ? "0.0.0.0/0" : "::/0") : r.dst,
      source: r.prefsrc ?? null,
    })),
    unreachable: rows.filter((r) => r.type === "unreachable" && r.metric !== undefined)
      .map((r) => ({ prefix: withLength(r.dst), metric: r.metric! })),
  };
}

/** Reads `ip -4|-6 -json route show table all`: what others lead somewhere by an interface, default routes left out. */
export function parseOtherRoutes(json: unknown, tunnel: string): HostRoute[] {
  return readRoutes(json).flatMap((route) => {
    const { dst, dev, type } = route;
    if (dst === "default" || dev === undefined || dev === tunnel || dev === "lo" || isOurRoute(route)) return [];
    if (type !== undefined && type !== "unicast") return [];
    return [{ prefix: withLength(dst), iface: dev }];
  });
}

/** Reads `ip -json -details addr show up` for candidates. */
export function parseHostAddresses(json: unknown, tunnel: string): HostAddress[] {
  const found: HostAddress[] = [];
  for (const link of readLinks(json)) {
    const iface = link.ifname;
    if (iface === undefined || iface === tunnel || isContainer(iface)) continue;
    if (link.flags.includes("LOOPBACK") || link.ifalias?.startsWith(ALIAS_PREFIX)) continue;
    if (TUNNEL.test(link.linkinfo?.info_kind ?? "")) continue;
    for (const a of link.addr_info) {
      if (a.scope !== "global" || a.local === undefined || a.deprecated || a.tentative || a.dadfailed) continue;
      if (a.local.startsWith("169.254.")) continue;
      found.push({ address: a.local, family: a.family === "inet6" ? 6 : 4, iface });
    }
  }
  return found;
}

/** Whether a route is of this daemon, or of another one here. */
export function isOurRoute(route: { protocol?: string | number | undefined }): boolean {
  return String(route.protocol) === String(ROUTE_PROTOCOL);
}

/** Single hosts are told without a length. */
function withLength(dst: string): string {
  return dst.includes("/") ? dst : `${dst}/${dst.includes(":") ? 128 : 32}`;
}

/** Bits of a route's prefix. */
export function lengthOf(dst: string): number {
  if (dst === "default") return 0;
  return Number(dst.split("/")[1] ?? (dst.includes(":") ? 128 : 32));
}
