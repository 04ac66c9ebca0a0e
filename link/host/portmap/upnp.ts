/**
 * Port mappings by UPnP IGD (link/core/portmap/upnp). A router of this kind may overwrite or remove anybody's mapping for
 * anybody who asks, so a port is looked at before it is taken or given back, and only what is this machine's own is touched.
 */
import {
  encodeAction,
  encodeSearch,
  LIFETIME,
  PORT_TRIES,
  readActionAnswer,
  readDescription,
  readSearchAnswer,
  SSDP_GROUP,
  SSDP_PORT,
  upnp,
  UPNP_ERROR,
  type UpnpAction,
  type UpnpAnswer,
} from "../../core/portmap/mod.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { askRouter } from "./ask.ts";
import { askHttp } from "./http.ts";
import type { Finder, Mapped } from "./protocol.ts";

/** Finds a UPnP gateway. @param anyPort an unpredictable port from 1024 */
export function upnpFinder(anyPort: () => number): Finder {
  return async ({ gateway, source, port }) => {
    const location = await askRouter({
      source,
      to: [gateway, SSDP_GROUP].map((address) => ({
        at: { address, port: SSDP_PORT },
        bytes: encodeSearch(address),
      })),
      from: { address: gateway, port: null },
      read: (bytes) => readSearchAnswer(bytes, gateway),
    });
    const description = location && await askHttp(location, { source });
    if (!location || description?.status !== 200) return null;
    const service = readOrNull(() => readDescription(description.text, location));
    if (service === null) return null;

    const act = async (action: UpnpAction): Promise<UpnpAnswer | null> => {
      const answer = await askHttp(service.control, { source, soap: encodeAction(service.type, action) });
      return answer && readOrNull(() => readActionAnswer(answer.text, action));
    };
    /** Whose a port is; "unknown" from gateways that do not tell. */
    const holder = async (outer: number): Promise<"nobody" | "mine" | "another" | "unknown"> => {
      const entry = await act(upnp.entry(outer));
      if (entry === null) return "unknown";
      if ("error" in entry) return entry.error === UPNP_ERROR.noSuchEntry ? "nobody" : "unknown";
      const { values } = entry;
      const own = values.get("NewInternalClient") === source && values.get("NewInternalPort") === String(port);
      return own ? "mine" : "another";
    };
    const add = async (outer: number): Promise<UpnpAnswer | null> => {
      const answer = await act(upnp.add(outer, { client: source, inner: port, lease: LIFETIME }));
      const forEver = answer !== null && "error" in answer && answer.error === UPNP_ERROR.permanentOnly;
      return forEver ? await act(upnp.add(outer, { client: source, inner: port, lease: 0 })) : answer;
    };
    return {
      protocol: "upnp",
      async map(suggested): Promise<Mapped> {
        const named = await act(upnp.externalAddress());
        if (named === null) return { kind: "silent" };
        if ("error" in named) return { kind: "refused", why: `answers with error ${named.error}` };
        const address = named.values.get("NewExternalIPAddress") ?? "";
        let outer = suggested?.port ?? port;
        for (let tries = 0; tries < PORT_TRIES; tries++, outer = anyPort()) {
          if (await holder(outer) === "another") continue;
          const answer = await add(outer);
          if (answer === null) return { kind: "silent" };
          if (!("error" in answer)) {
            return { kind: "mapped", external: { address, port: outer }, lifetime: LIFETIME, epoch: null };
          }
          if (answer.error !== UPNP_ERROR.conflict) {
            return { kind: "refused", why: `answers with error ${answer.error}` };
          }
        }
        return { kind: "refused", why: "has no port free of those that were tried" };
      },
      epoch: () => Promise.resolve(null),
      async unmap(external) {
        if (await holder(external.port) === "mine") await act(upnp.remove(external.port));
      },
    };
  };
}

/** What a router says may be anything; what cannot be read counts as no answer. */
function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof GhostError) return null;
    throw error;
  }
}
