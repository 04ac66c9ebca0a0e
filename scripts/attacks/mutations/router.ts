/** What a LAN may do to whoever asks for a port mapping: row 20. */
import { type Mutation, one } from "../mutation.ts";

export const ROUTER: readonly Mutation[] = [
  one(
    "only the router that was asked is listened to",
    "row 20: answers of a neighbour",
    "link/host/portmap/ask.ts",
    "if (hostname !== o.from.address || (o.from.port !== null && port !== o.from.port)) return;",
    "void [hostname, port];",
  ),
  one(
    "a PCP answer repeats the nonce",
    "row 20: answers of a neighbour",
    "link/core/portmap/pcp.ts",
    "if (request.nonce.some((byte, i) => bytes[HEADER + i] !== byte)) return null;",
    "",
  ),
  one(
    "an outer address is one of the internet",
    "row 20: an outer address",
    "link/host/portmap/port_map.ts",
    "const bad = refusedExternal(answer.external.address, this.#o.overlay);",
    "const bad: string | null = null; void refusedExternal;",
  ),
  one(
    "a gateway's URLs lead to the gateway",
    "row 20: a router cannot lead",
    "link/core/portmap/upnp/ssdp.ts",
    "if (host === undefined || host !== o.gateway || canonicalAddress(o.gateway) !== host) return null;",
    "if (host === undefined) return null; void canonicalAddress;",
  ),
  one(
    "a router's answer is bounded",
    "row 20: a router cannot lead",
    "link/host/portmap/http.ts",
    "if (length > MAX_BODY) end(null);",
    "if (length > MAX_BODY << 12) end(null);",
  ),
  one(
    "a port that is somebody's is left alone",
    "row 20: nobody else's mapping",
    "link/host/portmap/upnp.ts",
    'if (await holder(outer) === "another") continue;',
    "",
  ),
  one(
    "lifetimes are clamped",
    "row 20: nobody else's mapping",
    "link/core/portmap/limits.ts",
    "return Math.min(LONGEST, Math.max(SHORTEST, seconds));",
    "return seconds + 0 * (LONGEST + SHORTEST);",
  ),
];
