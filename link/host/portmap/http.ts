/** HTTP with a router on the LAN: node:http, because `fetch` would follow HTTP_PROXY and redirects; everything is bounded. */
import { request } from "node:http";
import type { GatewayUrl } from "../../core/portmap/mod.ts";
import { concat } from "../../../mesh/wire/encoding.ts";

/** Ms for a whole answer, and its longest body in bytes. */
const PATIENCE = 3_000;
const MAX_BODY = 128 * 1024;

/** An answer of any status but a redirect. */
export interface HttpAnswer {
  status: number;
  text: string;
}

/**
 * Asks a router; null when it does not answer in time, or too much, or sends elsewhere.
 * @param o.source the address of this machine to ask from
 * @param o.soap body and header of an action; without it the document is read
 */
export function askHttp(
  url: GatewayUrl,
  o: { source: string; soap?: { body: string; soapAction: string } },
): Promise<HttpAnswer | null> {
  const { promise, resolve } = Promise.withResolvers<HttpAnswer | null>();
  const headers = o.soap === undefined ? {} : {
    "content-type": 'text/xml; charset="utf-8"',
    "content-length": new TextEncoder().encode(o.soap.body).length,
    soapaction: o.soap.soapAction,
  };
  const sent = request({
    host: url.address,
    port: url.port,
    path: url.path,
    localAddress: o.source,
    method: o.soap === undefined ? "GET" : "POST",
    headers: { ...headers, connection: "close" },
    agent: false,
  }, (response) => {
    const status = response.statusCode ?? 0;
    const parts: Uint8Array[] = [];
    let length = 0;
    response.on("error", () => end(null));
    if (status >= 300 && status < 400) return end(null);
    response.on("data", (part: Uint8Array) => {
      length += part.length;
      if (length > MAX_BODY) end(null);
      else parts.push(part);
    });
    response.on("end", () => end({ status, text: new TextDecoder().decode(concat(parts)) }));
  });
  const end = (answer: HttpAnswer | null) => {
    clearTimeout(timer);
    resolve(answer);
    sent.destroy();
  };
  const timer = setTimeout(() => end(null), PATIENCE);
  sent.on("error", () => end(null));
  sent.end(o.soap?.body);
  return promise;
}
