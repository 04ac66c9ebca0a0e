/**
 * A gate in an enemy's hands: it has an admitted gate's identity and certificate, serves sessions by its protocol, keeps what it
 * sees, and lies on command. It forwards packets and signals between its sessions as an honest gate does, until it is told
 * otherwise.
 *
 *     deno run -A hostile_gate.ts STATE_FOLDER ORDERS SEEN [certificate.json of another] [PORT]
 *
 * STATE_FOLDER is the honest program's; ORDERS is a file of orders (orders.ts), SEEN is where it writes what it got.
 */
import { askTicket } from "../../mesh/client/mod.ts";
import { nameOfTicket } from "../../mesh/wire/gate_ticket.ts";
import { encodeStun, field, TICKET, TICKET_LENGTH } from "../../mesh/wire/stun/mod.ts";
import {
  ControlReader,
  encodeControl,
  FRAME_HEADER,
  type FromGate,
  fromGate,
  type FromNode,
  fromNode,
  GATE_ALPN,
  type SessionClaims,
} from "../../mesh/wire/gate_session.ts";
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { signSession } from "../../mesh/trust/session.ts";
import { sha256 } from "../../mesh/trust/keys.ts";
import { fromBase32, fromBase64Url, toBase32, toBase64Url } from "../../mesh/wire/encoding.ts";
import { followOrders } from "./orders.ts";

/** Ways to be wrong about who one is. */
export type FalseProof =
  | "no signature"
  | "own key for another"
  | "another certificate"
  | "another nonce"
  | "role node"
  | "another network"
  | "old proof";

/** What it can be told to do. */
export type GateOrder =
  /** Delivers what comes from one node as if it came from another. */
  | { do: "swap"; from: string; as: string }
  /** Delivers what is for one node to another. */
  | { do: "misroute"; to: string; instead: string }
  /** Sends every packet and signal that it kept again, so many times. */
  | { do: "replay"; times: number }
  /** Tells a node something; `message` need not be valid. */
  | { do: "tell"; to: string; message: unknown }
  /** Sends bytes on a node's control stream. */
  | { do: "bytes"; to: string; hex: string }
  /** Sends a datagram to a node. */
  | { do: "frame"; to: string; hex: string }
  /** Proves itself falsely from now on. */
  | { do: "lie"; about: FalseProof }
  /** Hands each handshake on to another gate, to get a session there in the node's name. */
  | { do: "relay"; host: string; port: number; cert: string }
  /** Ends all sessions, so that nodes come again. */
  | { do: "cut" }
  | { do: "honest" };

/** What came to it. */
export interface GateSeen {
  hellos: number;
  auths: number;
  packets: number;
  signals: { from: string; to: string; box: string }[];
  /** Datagrams on the UDP port that forged candidates name. */
  trap: number;
  /** How handshakes that were handed on ended. */
  relayed: string[];
}

/** The port of `trap`. */
export const TRAP_PORT = 5999;

if (import.meta.main) await main(Deno.args as [string, string, string, string?, string?]);

async function main(
  [state, ordersFile, seenFile, otherCertificate, port = "3478"]: [string, string, string, string?, string?],
) {
  const identity = JSON.parse(await Deno.readTextFile(`${state}/identity.json`));
  const own = JSON.parse(await Deno.readTextFile(`${state}/certificate.json`));
  const { cert, key } = otherCertificate ? JSON.parse(await Deno.readTextFile(otherCertificate)) : own;
  const hash = toBase64Url(await sha256(derOf(own.cert)));
  const seen: GateSeen = { hellos: 0, auths: 0, packets: 0, signals: [], trap: 0, relayed: [] };
  let dirty = false;
  let writing: Promise<void> = Promise.resolve();
  setInterval(() => {
    if (!dirty) return;
    dirty = false;
    writing = writing.then(async () => {
      await Deno.writeTextFile(`${seenFile}.new`, JSON.stringify(seen));
      await Deno.rename(`${seenFile}.new`, seenFile);
    });
  }, 50);
  const noted = () => void (dirty = true);
  noted();

  let lies: GateOrder[] = [];
  const lie = <K extends GateOrder["do"]>(kind: K, fits: (l: Extract<GateOrder, { do: K }>) => boolean = () => true) =>
    lies.findLast((l): l is Extract<GateOrder, { do: K }> => l.do === kind && fits(l as Extract<GateOrder, { do: K }>));
  const keptFrames: { to: string; frame: Uint8Array }[] = [];
  const keptSignals: { to: string; message: FromGate }[] = [];
  let oldProof = "";

  class Session {
    id = "";
    live = false;
    readonly #conn: Deno.QuicConn;
    writer!: WritableStreamDefaultWriter<Uint8Array>;
    #relay: { writer: WritableStreamDefaultWriter<Uint8Array>; conn: Deno.QuicConn } | null = null;
    watched: string[] = [];

    constructor(conn: Deno.QuicConn) {
      this.#conn = conn;
    }

    async run(): Promise<void> {
      const { value: stream } = await this.#conn.incomingBidirectionalStreams.getReader().read();
      this.writer = stream!.writable.getWriter();
      this.writer.closed.catch(() => {});
      this.#datagrams().catch(() => {});
      const control = new ControlReader(fromNode);
      for await (const chunk of stream!.readable) for (const m of control.push(chunk)) await this.#message(m);
    }

    async #datagrams(): Promise<void> {
      for (;;) {
        const frame = await this.#conn.readDatagram();
        seen.packets++;
        noted();
        const to = toBase32(frame.subarray(1, FRAME_HEADER));
        const target = lie("misroute", (l) => l.to === to)?.instead ?? to;
        const from = lie("swap", (l) => l.from === this.id)?.as ?? this.id;
        frame.set(fromBase32(from), 1);
        if (keptFrames.length < 500) keptFrames.push({ to: target, frame: frame.slice() });
        sessions.get(target)?.datagram(frame);
      }
    }

    datagram(frame: Uint8Array): void {
      this.#conn.sendDatagram(frame).catch(() => {});
    }

    async tell(message: FromGate | Record<string, unknown>): Promise<void> {
      await this.writer.write(encodeControl(message as FromGate)).catch(() => {});
    }

    end(): void {
      if (sessions.get(this.id) === this) sessions.delete(this.id);
      this.#relay?.conn.close();
      this.#conn.close({ closeCode: 0, reason: "" });
    }

    async #message(m: FromNode): Promise<void> {
      if (this.#relay && (m.t === "auth" || m.t === "hello")) {
        if (m.t === "auth") seen.auths++;
        return await this.#relay.writer.write(encodeControl(m));
      }
      switch (m.t) {
        case "hello":
          return await this.#hello(m);
        case "auth": {
          seen.auths++;
          noted();
          this.live = true;
          const before = sessions.get(this.id);
          sessions.set(this.id, this);
          before?.end();
          await this.tell({
            t: "welcome",
            observed: `${this.#conn.remoteAddr.hostname}:${this.#conn.remoteAddr.port}`,
            lanes: false,
            head: m.head,
          });
          for (const other of sessions.values()) {
            if (other.watched.includes(this.id)) await other.tell({ t: "presence", node: this.id, up: true });
          }
          return;
        }
        case "watch":
          this.watched = m.nodes;
          for (const node of m.nodes) await this.tell({ t: "presence", node, up: sessions.has(node) });
          return;
        case "ping":
          return await this.tell({ t: "pong", n: m.n });
        case "signal": {
          seen.signals.push({ from: this.id, to: m.to, box: m.box });
          noted();
          const to = lie("misroute", (l) => l.to === m.to)?.instead ?? m.to;
          const from = lie("swap", (l) => l.from === this.id)?.as ?? this.id;
          const message: FromGate = { t: "signal", from, box: m.box };
          keptSignals.push({ to, message });
          return await sessions.get(to)?.tell(message);
        }
      }
    }

    async #hello(m: FromNode & { t: "hello" }): Promise<void> {
      seen.hellos++;
      noted();
      this.id = await nodeIdOf(m.key);
      const relay = lie("relay");
      if (relay) return await this.#handOn(m, relay);
      const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
      const claims: SessionClaims = {
        role: "gate",
        net: m.net,
        gate: identity.public,
        node: m.key,
        cert: hash,
        nonces: [m.nonce, nonce],
      };
      const key = { seed: identity.seed, public: identity.public };
      const about = lie("lie")?.about;
      const random = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
      if (about === "role node") claims.role = "node";
      if (about === "another certificate") claims.cert = random;
      if (about === "another nonce") claims.nonces = [random, nonce];
      if (about === "another network") claims.net = "a".repeat(32);
      let proof = await signSession(claims, key);
      if (about === "no signature") {
        proof = `${proof.split(".").slice(0, 2).join(".")}.${toBase64Url(new Uint8Array(64))}`;
      }
      if (about === "own key for another") {
        const { signingKeyFromSeed } = await import("../../mesh/trust/keys.ts");
        proof = await signSession(claims, await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))));
      }
      if (about === "old proof" && oldProof !== "") proof = oldProof;
      else oldProof = proof;
      await this.tell({ t: "challenge", key: identity.public, nonce, proof });
    }

    /** Plays the node towards another gate, with that gate's own challenge. */
    async #handOn(hello: FromNode, to: Extract<GateOrder, { do: "relay" }>): Promise<void> {
      // At that gate it is as any node: it has to prove its address.
      const service = { host: to.host, port: to.port + 1 };
      const randomBytes = (n: number) => crypto.getRandomValues(new Uint8Array(n));
      const own = await askTicket(service, { random: randomBytes, signal: new AbortController().signal });
      const options = {
        hostname: to.host,
        port: to.port,
        serverName: nameOfTicket(own!.ticket),
        alpnProtocols: [GATE_ALPN],
        serverCertificateHashes: [{ algorithm: "sha-256", value: fromBase64Url(to.cert) }],
        maxIdleTimeout: 10_000,
      };
      const conn = await Deno.connectQuic(options as Deno.ConnectQuicOptions<false>);
      const stream = await conn.createBidirectionalStream();
      this.#relay = { conn, writer: stream.writable.getWriter() };
      const control = new ControlReader(fromGate);
      (async () => {
        for await (const chunk of stream.readable) {
          for (const m of control.push(chunk)) {
            seen.relayed.push(m.t === "refused" ? `refused ${m.code}` : m.t);
            noted();
            await this.tell(m);
          }
        }
      })().catch(() => {});
      await this.#relay.writer.write(encodeControl(hello));
    }
  }
  const sessions = new Map<string, Session>();
  const all = new Set<Session>();

  const endpoint = new Deno.QuicEndpoint({ hostname: "0.0.0.0", port: Number(port) });
  const listener = endpoint.listen({
    cert,
    key,
    alpnProtocols: [GATE_ALPN],
    maxIdleTimeout: 10_000,
    congestionControl: "low-latency",
  });
  const serve = async (incoming: Deno.QuicIncoming) => {
    const session = new Session(await incoming.accept());
    all.add(session);
    await session.run().catch(() => {});
    all.delete(session);
    if (sessions.get(session.id) === session) sessions.delete(session.id);
  };
  (async () => {
    for await (const incoming of listener) serve(incoming).catch(() => {});
  })();
  (async () => {
    // Its STUN service: a ticket for everybody, of whatever worth.
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: Number(port) + 1 });
    for await (const [asked, from] of socket) {
      const fields = [field(TICKET, new Uint8Array(TICKET_LENGTH))];
      await socket.send(encodeStun({ class: "success", transaction: asked.slice(8, 20), fields }), from);
    }
  })();
  (async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: TRAP_PORT });
    for await (const _ of socket) {
      seen.trap++;
      noted();
    }
  })();
  console.log("the gate is hostile");
  const bytes = (hex: string) => Uint8Array.fromHex(hex);
  await followOrders(ordersFile, async (value) => {
    const order = value as GateOrder;
    switch (order.do) {
      case "honest":
        lies = [];
        return;
      case "cut":
        for (const session of [...all]) session.end();
        return;
      case "tell":
        return await sessions.get(order.to)?.tell(order.message as Record<string, unknown>);
      case "bytes":
        return await sessions.get(order.to)?.writer.write(bytes(order.hex)).catch(() => {});
      case "frame":
        return sessions.get(order.to)?.datagram(bytes(order.hex));
      case "replay":
        for (let n = 0; n < order.times; n++) {
          for (const { to, frame } of [...keptFrames]) sessions.get(to)?.datagram(frame.slice());
          for (const { to, message } of [...keptSignals]) await sessions.get(to)?.tell(message);
        }
        return;
      default:
        lies.push(order);
    }
  });
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, ""));
}
