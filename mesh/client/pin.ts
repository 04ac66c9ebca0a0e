/** Pinning a coordinator's own CA: a set-up code or join token holds its hash, the certificate itself comes over the wire. */
import { connect, type DetailedPeerCertificate } from "node:tls";
import { MESH_TLS_NAME } from "../wire/api.ts";
import { toBase64Url } from "../wire/encoding.ts";
import { GhostError } from "../wire/errors.ts";
import { unreachable } from "./http.ts";
import { hostOf, portOf, serverText } from "./server_address.ts";

/**
 * Asks the server for its certificate chain and gives the certificate (PEM) whose DER has this SHA-256 (base64url). Nothing
 * is sent or believed on this connection; only what the hash vouches for is kept.
 * @throws GhostError `unreachable`, or `unauthorized` when no certificate of the chain fits
 */
export async function pinCa(
  server: URL,
  hash: string,
  { timeout = 15_000 }: { timeout?: number } = {},
): Promise<string> {
  const place = serverText(server);
  if (server.protocol !== "https:") {
    throw new GhostError("bad_input", "A pinned certificate needs https", {
      place,
      mend: "name the server without http://",
    });
  }
  for (const der of await chainOf(server, timeout)) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
    if (toBase64Url(digest) === hash) return toPem(der);
  }
  throw new GhostError(
    "unauthorized",
    "The server shows another certificate than the one that the code or token pins",
    {
      place,
      mend:
        "either this is another server, or its certificate was made anew: check the address, then ask for a new code or token",
    },
  );
}

/**
 * The certificate (PEM) at the top of the chain that the server shows, believed by nobody yet: for first contacts that trust a
 * server with nothing.
 * @throws GhostError `unreachable`
 */
export async function shownCa(server: URL): Promise<string> {
  const top = (await chainOf(server, 15_000)).at(-1);
  if (!top) throw new GhostError("unreachable", "The server shows no certificate", { place: serverText(server) });
  return toPem(top);
}

function chainOf(server: URL, timeout: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>[]>();
  const fail = (cause: Error) => reject(unreachable(server, cause));
  const socket = connect({
    host: hostOf(server),
    port: portOf(server),
    servername: MESH_TLS_NAME,
    rejectUnauthorized: false,
  });
  const timer = setTimeout(() => {
    fail(new Error(`no answer within ${timeout / 1000} s`));
    socket.destroy();
  }, timeout);
  socket.once("error", fail);
  socket.once("close", () => {
    clearTimeout(timer);
    fail(new Error("connection closed"));
  });
  socket.once("secureConnect", () => {
    const chain: Uint8Array<ArrayBuffer>[] = [];
    let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
    // A self-issued certificate names itself as its issuer; the bound ends that walk.
    for (let i = 0; i < 8 && at?.raw; i++) {
      chain.push(new Uint8Array(at.raw));
      at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
    }
    resolve(chain);
    socket.destroy();
  });
  return promise;
}

function toPem(der: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...der));
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`;
}
