/** Finding a UPnP gateway: the search of SSDP (UPnP Device Architecture 1.1 section 1.3) and where an answer may lead. */
import { canonicalAddress } from "../../../../mesh/wire/stun/address.ts";

/** UDP port of SSDP, and its group. */
export const SSDP_PORT = 1900;
export const SSDP_GROUP = "239.255.255.250";

const MAX_ANSWER = 2_048;
/** Version 2 of a gateway answers to the question for version 1 (section 1.3.2). */
const TARGET = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

/** Where a gateway can be asked, always on its own address. */
export interface GatewayUrl {
  address: string;
  port: number;
  /** Begins with `/`. */
  path: string;
}

/** A search, to the gateway alone or to the group. */
export function encodeSearch(to: string): Uint8Array {
  return new TextEncoder().encode(
    ["M-SEARCH * HTTP/1.1", `HOST: ${to}:${SSDP_PORT}`, 'MAN: "ssdp:discover"', "MX: 1", `ST: ${TARGET}`, "", ""]
      .join("\r\n"),
  );
}

/** Where the description of the gateway lies, by its answer to a search; null when it is none, or leads elsewhere. */
export function readSearchAnswer(bytes: Uint8Array, gateway: string): GatewayUrl | null {
  if (bytes.length > MAX_ANSWER) return null;
  const [first, ...lines] = new TextDecoder().decode(bytes).split("\r\n");
  if (!/^HTTP\/1\.[01] 200\b/.test(first!)) return null;
  const fields = new Map(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(0, colon)).trim().toLowerCase(), line.slice(colon + 1).trim()];
  }));
  if (!/^urn:schemas-upnp-org:device:InternetGatewayDevice:[12]$/.test(fields.get("st") ?? "")) return null;
  return gatewayUrl(fields.get("location") ?? "", { gateway, base: null });
}

const ABSOLUTE = /^http:\/\/([0-9.]{7,15})(?::([0-9]{1,5}))?(\/[!-~]{0,1000})?$/i;

/**
 * A URL that the gateway named, if it leads to the gateway's own address; null otherwise. Names are not resolved, and there is
 * no log-in, no other scheme and no other host: a gateway cannot make this machine ask anybody else (Tailscale's TS-2023-006).
 * @param o.base what a relative one belongs to
 */
export function gatewayUrl(text: string, o: { gateway: string; base: GatewayUrl | null }): GatewayUrl | null {
  if (o.base !== null && /^\/(?!\/)[!-~]{0,1000}$/.test(text)) return { ...o.base, path: text };
  if (o.base !== null && /^[A-Za-z0-9_-][A-Za-z0-9_.\/?=&-]{0,200}$/.test(text)) {
    return { ...o.base, path: `${o.base.path.replace(/[^/]*$/, "")}${text}` };
  }
  const [, host, portText, path = "/"] = ABSOLUTE.exec(text) ?? [];
  if (host === undefined || host !== o.gateway || canonicalAddress(o.gateway) !== host) return null;
  const port = Number(portText ?? 80);
  if (port < 1 || port > 65535 || (o.base !== null && port !== o.base.port)) return null;
  return { address: host, port, path };
}
