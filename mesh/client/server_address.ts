/** Where a coordinator is, as people type it. */
import { MESH_PORT } from "../wire/api.ts";
import { GhostError } from "../wire/errors.ts";

/**
 * Reads `host`, `host:port`, an IP literal (IPv6 with or without brackets) or a URL. https and port 7777 unless said; http
 * only when the URL says so. The port of the result is found by `portOf`, because URL hides a scheme's own port.
 * @throws GhostError `bad_input`
 */
export function parseServer(text: string): URL {
  const bad = (why: string) =>
    new GhostError("bad_input", why, {
      place: "--server",
      mend: "expected a host, host:port or https://host:port",
    });
  const typed = text.trim();
  if (typed === "" || typed.length > 512 || /[\s\\]/.test(typed)) {
    throw bad(`Not a server: ${JSON.stringify(text.slice(0, 80))}`);
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : `https://${bracketed(typed)}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw bad(`Not a server: ${JSON.stringify(text.slice(0, 80))}`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw bad(`Not http or https: ${url.protocol}//`);
  if (url.username || url.password) throw bad("A server's address holds no user name or password");
  if (url.pathname !== "/" || url.search || url.hash) throw bad("A server's address has no path");
  if (url.hostname === "") throw bad("The host is missing");
  const authority = withScheme.slice(withScheme.indexOf("://") + 3).replace(/\/$/, "");
  if (!/:\d+$/.test(authority.replace(/^\[.*\]/, ""))) url.port = String(MESH_PORT);
  if (portOf(url) === 0) throw bad("Port 0 is no port");
  return url;
}

function bracketed(host: string): string {
  return !host.startsWith("[") && host.split(":").length > 2 ? `[${host}]` : host;
}

/** The port of a URL, also when it is the scheme's own. */
export function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}

/** The host without an IPv6 literal's brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** The text that `parseServer` reads back as the same server: `https://host:port`, the port always there. */
export function serverText(url: URL): string {
  return `${url.protocol}//${url.hostname}:${portOf(url)}`;
}
