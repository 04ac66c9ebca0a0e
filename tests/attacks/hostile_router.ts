/**
 * A router that lies to those who ask it for a port mapping (PCP, NAT-PMP, UPnP), and a neighbour that answers in its place:
 *
 *     hostile_router.ts ROUTER NEIGHBOUR ORDERS
 *
 * It runs on the router, which has both addresses. ORDERS is a file with one JSON order, read anew at each question. What it is
 * asked is printed, one line each; a request at the neighbour's web server, where no honest question leads, is `TRAP`.
 */

/** What it does. Each protocol is silent unless it is named. */
export interface RouterOrder {
  /** The neighbour answers, with everything else right. */
  from?: "neighbour";
  pcp?: Answer;
  natPmp?: Answer;
  upnp?: UpnpOrder;
}

export interface Answer {
  external: string;
  /** One answer for each, in which that is spoilt; without it one good answer. */
  wrong?: Wrong[];
  lifetime?: number;
}

export type Wrong = "nonce" | "port" | "protocol" | "opcode";

export interface UpnpOrder {
  external?: string;
  /** One answer to a search for each. */
  locations?: string[];
  /** How the description is answered. */
  description?: "good" | "redirect" | "endless" | "entities" | "stall";
  /** One service for each. */
  controls?: string[];
  /** Whose outer port 51820 already is. */
  holder?: string;
}

const [router, neighbour, orders] = Deno.args as [string, string, string];
const order = async () => JSON.parse(await Deno.readTextFile(orders)) as RouterOrder;
const listen = (hostname: string, port: number) => Deno.listenDatagram({ transport: "udp", hostname, port });
const [maps, fakeMaps] = [listen(router, 5351), listen(neighbour, 5351)];
const [ssdp, fakeSsdp] = [listen(router, 1900), listen(neighbour, 1900)];
const WEB = 5000;

async function mappings(): Promise<void> {
  for await (const [bytes, from] of maps) {
    const now = await order();
    const [kind, answer, encode] = bytes[0] === 2
      ? ["pcp", now.pcp, pcp] as const
      : ["nat-pmp", now.natPmp, natPmp] as const;
    const lifetime = bytes.length > 8 ? new DataView(bytes.buffer).getUint32(bytes[0] === 2 ? 4 : 8) : 0;
    if (bytes[1] !== 0) console.log(`${kind} map ${lifetime}`);
    for (const wrong of answer?.wrong ?? [null]) {
      if (answer) await (now.from ? fakeMaps : maps).send(encode(bytes, answer, wrong), from);
    }
  }
}

function pcp(bytes: Uint8Array, answer: Answer, wrong: Wrong | null): Uint8Array {
  const reply = bytes.slice();
  const view = new DataView(reply.buffer);
  reply[1]! |= 0x80;
  reply[3] = 0;
  reply.fill(0, 12, 24);
  if (bytes[1] === 1) view.setUint32(4, answer.lifetime ?? 600);
  view.setUint32(8, seconds());
  if (bytes.length < 60) return reply;
  view.setUint16(42, 51820);
  reply.set(answer.external.split(".").map(Number), 56);
  if (wrong === "nonce") reply[24]! ^= 1;
  if (wrong === "protocol") reply[36] = 6;
  if (wrong === "port") reply[41]! ^= 1;
  if (wrong === "opcode") reply[1] = 0x82;
  return reply;
}

function natPmp(bytes: Uint8Array, answer: Answer, wrong: Wrong | null): Uint8Array {
  const reply = new Uint8Array(bytes[1] === 0 ? 12 : 16);
  const view = new DataView(reply.buffer);
  reply[1] = bytes[1]! | 0x80;
  view.setUint32(4, seconds());
  if (bytes[1] === 0) reply.set(answer.external.split(".").map(Number), 8);
  else {
    reply.set(bytes.subarray(4, 6), 8);
    view.setUint16(10, 51820);
    view.setUint32(12, answer.lifetime ?? 600);
    if (wrong === "port") reply[9]! ^= 1;
  }
  if (wrong === "opcode") reply[1] = 0x83;
  return reply;
}

function seconds(): number {
  return Math.floor(performance.now() / 1000) + 100;
}

async function searches(): Promise<void> {
  for await (const [, from] of ssdp) {
    const { upnp, from: who } = await order();
    if (!upnp) continue;
    for (const location of upnp.locations ?? [`http://${router}:${WEB}/root.xml`]) {
      const answer =
        `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: ${location}\r\n\r\n`;
      await (who ? fakeSsdp : ssdp).send(new TextEncoder().encode(answer), from);
    }
  }
}

const XML = { "content-type": "text/xml" };
const service = "urn:schemas-upnp-org:service:WANIPConnection:1";
const description = (controls: string[], prolog = "", name = "") =>
  `<?xml version="1.0"?>${prolog}<root><device><friendlyName>${name}</friendlyName><serviceList>` +
  controls.map((url) => `<service><serviceType>${service}</serviceType><controlURL>${url}</controlURL></service>`)
    .join("") +
  `</serviceList></device></root>`;

async function describe({ upnp = {} }: RouterOrder): Promise<Response> {
  const control = upnp.controls ?? ["/control"];
  switch (upnp.description ?? "good") {
    case "redirect":
      return new Response(null, { status: 302, headers: { location: `http://${neighbour}:${WEB}/root.xml` } });
    case "endless": {
      let sent = 0;
      const body = new ReadableStream({
        pull(controller) {
          sent += 65_536;
          console.log(`endless ${sent}`);
          controller.enqueue(new Uint8Array(65_536).fill(0x20));
        },
      });
      return new Response(body, { headers: XML });
    }
    case "stall":
      return new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("<root>")) }), {
        headers: XML,
      });
    case "entities": {
      const file = `<!ENTITY x SYSTEM "http://${neighbour}:${WEB}/x">`;
      const rows = Array.from({ length: 12 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join("");
      const prolog = `<!DOCTYPE root [${file}<!ENTITY a0 "aaaaaaaaaa">${rows}]>`;
      return new Response(description(control, prolog, "&x;&a12;"), { headers: XML });
    }
    default:
      return await Promise.resolve(new Response(description(control), { headers: XML }));
  }
}

function act(action: string, body: string, upnp: UpnpOrder): Response {
  const value = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? "";
  console.log(`upnp ${action} ${value("NewExternalPort")} ${value("NewInternalClient")}`.trimEnd());
  const good = (values: string) =>
    new Response(`<Envelope><Body><${action}Response>${values}</${action}Response></Body></Envelope>`, {
      headers: XML,
    });
  if (action === "GetExternalIPAddress") {
    return good(`<NewExternalIPAddress>${upnp.external ?? "198.51.100.7"}</NewExternalIPAddress>`);
  }
  if (action !== "GetSpecificPortMappingEntry") return good("");
  if (upnp.holder && value("NewExternalPort") === "51820") {
    return good(`<NewInternalClient>${upnp.holder}</NewInternalClient><NewInternalPort>51820</NewInternalPort>`);
  }
  return new Response(
    "<Envelope><Body><Fault><detail><UPnPError><errorCode>714</errorCode></UPnPError></detail></Fault></Body></Envelope>",
    { status: 500, headers: XML },
  );
}

Deno.serve({ hostname: router, port: WEB, onListen: () => {} }, async (request) => {
  const now = await order();
  const action = /#([A-Za-z]+)"?$/.exec(request.headers.get("soapaction") ?? "")?.[1];
  return action ? act(action, await request.text(), now.upnp ?? {}) : await describe(now);
});
Deno.serve({ hostname: neighbour, port: WEB, onListen: () => {} }, async (request) => {
  console.log(`TRAP ${request.method} ${new URL(request.url).pathname}`);
  return await describe({});
});
void mappings();
void searches();
console.log("ready");
