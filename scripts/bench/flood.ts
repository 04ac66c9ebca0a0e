/**
 * Floods a gate as a stranger would, for `bench flood`: datagrams (flood_packets.ts) or connections at a steady rate, from several addresses. Tells when it flows, and now and then how much has gone.
 */
import { type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { signSession } from "../../mesh/trust/session.ts";
import { toBase64Url } from "../../mesh/wire/encoding.ts";
import { ControlReader, encodeControl, fromGate, type FromNode, GATE_ALPN } from "../../mesh/wire/gate_session.ts";
import { decodeTicketAnswer, encodeTicketRequest, nameOfTicket } from "../../mesh/wire/gate_ticket.ts";
import { PACKETS, type Packets } from "./flood_packets.ts";
import { Loader, type LoadTarget, random, readOrder, say } from "./load_node.ts";

/** What the bench wants. */
export interface FloodOrder extends LoadTarget {
  kind: string;
  /** Datagrams a second, and connections. */
  rate: number;
  connections: number;
  /** Own addresses to come from. */
  sources: string[];
}

/** Connections that are on their way at once, of all sources; of those that only wait, more than a gate lets wait. */
const [AT_ONCE, WAITING] = [128, 640];

/** A connection whose other end nobody checks. */
class Stranger {
  readonly #conn: Deno.QuicConn;
  readonly #endpoint: Deno.QuicEndpoint;

  private constructor(conn: Deno.QuicConn, endpoint: Deno.QuicEndpoint) {
    this.#conn = conn;
    this.#endpoint = endpoint;
  }

  static async connect(hostname: string): Promise<Stranger> {
    const endpoint = new Deno.QuicEndpoint({ hostname, port: 0 });
    const options: Deno.ConnectQuicOptions<false> & { serverCertificateHashes: unknown } = {
      hostname: order.host,
      port: loader.gate.quic!,
      serverName: nameOfTicket(await ticketOf(hostname)),
      alpnProtocols: [GATE_ALPN],
      serverCertificateHashes: [{ algorithm: "sha-256", value: loader.certificate }],
      endpoint,
    };
    try {
      return new Stranger(await Deno.connectQuic(options), endpoint);
    } catch (error) {
      endpoint.close({ closeCode: 0, reason: "" });
      throw error;
    }
  }

  /** Says hello; what comes next is answered by `auth`, or not at all. */
  async talk(auth?: (nonces: [string, string]) => Promise<FromNode>): Promise<void> {
    const stream = await this.#conn.createBidirectionalStream();
    const [writer, control, nonce] = [
      stream.writable.getWriter(),
      new ControlReader(fromGate),
      toBase64Url(random(32)),
    ];
    await writer.write(encodeControl({ t: "hello", net: loader.net, key: key.public, nonce }));
    for await (const chunk of stream.readable) {
      for (const message of control.push(chunk)) {
        if (message.t === "challenge" && auth) await writer.write(encodeControl(await auth([nonce, message.nonce])));
        if (message.t === "refused") return;
      }
    }
  }

  end(): void {
    this.#endpoint.close({ closeCode: 0, reason: "" });
  }
}

const tickets = new Map<string, Promise<Uint8Array>>();

/** What proves one of the own addresses to the gate. */
function ticketOf(hostname: string): Promise<Uint8Array> {
  const ask = async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    const transaction = random(12);
    const to: Deno.NetAddr = { transport: "udp", hostname: order.host, port: loader.gate.stun };
    await socket.send(encodeTicketRequest(transaction), to);
    const [answer] = await socket.receive();
    socket.close();
    return decodeTicketAnswer(answer, transaction)!;
  };
  const found = tickets.get(hostname) ?? ask();
  tickets.set(hostname, found);
  return found;
}

const CONNECTIONS: Record<string, (stranger: Stranger) => Promise<void>> = {
  /** Whole handshakes, and nothing after them. */
  "QUIC handshakes": () => Promise.resolve(),
  /** Nothing after hello, until the gate has had enough. */
  "half-open sessions": (stranger) => stranger.talk(),
  /** A whole log-in, rightly signed, with a record that no admin's grant covers. */
  "wrong credentials": (stranger) =>
    stranger.talk(async (nonces) => {
      const claims = { net: loader.net, gate: loader.gateKey, node: key.public, cert: loader.gate.cert, nonces };
      const proof = await signSession({ role: "node", ...claims }, key);
      return { t: "auth", record: node.record, proof, head: loader.head };
    }),
};

const order = await readOrder<FloodOrder>();
const loader = await Loader.of(order);
const node = await loader.node("mallory", await signingKeyFromSeed(random(32)));
const key: SigningKey = node.key;
const started = performance.now();
let sent = 0;
setInterval(() => say({ t: "sent", sent }), 250);

async function datagrams({ port, prepare, make }: Packets): Promise<void> {
  await prepare?.();
  const sockets = order.sources.map((hostname) => Deno.listenDatagram({ transport: "udp", hostname, port: 0 }));
  const to: Deno.NetAddr = { transport: "udp", hostname: order.host, port };
  while (true) {
    const wanted = Math.floor((performance.now() - started) / 1000 * order.rate);
    for (; sent < wanted; sent++) await sockets[sent % sockets.length]!.send(make(), to).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

let begun = 0;

/** Waits until the next connection is due. */
async function due(): Promise<void> {
  const wait = started + begun++ / order.connections * 1000 - performance.now();
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
}

async function connections(once: (stranger: Stranger) => Promise<void>, hostname: string): Promise<void> {
  while (true) {
    await due();
    try {
      const stranger = await Stranger.connect(hostname);
      sent++;
      await once(stranger).finally(() => stranger.end());
    } catch { /* refused, or lost: the next one */ }
  }
}

say({ t: "flowing" });
const packets = PACKETS[order.kind];
if (packets) await datagrams(packets);
else {
  const sourceOf = (i: number) => order.sources[i % order.sources.length]!;
  const length = order.kind === "half-open sessions" ? WAITING : AT_ONCE;
  await Promise.all(Array.from({ length }, (_, i) => connections(CONNECTIONS[order.kind]!, sourceOf(i))));
}
