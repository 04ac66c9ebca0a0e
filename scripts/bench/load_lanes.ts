/**
 * Many lanes at one gate, for `bench gate`: some hundred sessions, each with one UDP port, ask for `lanes` lanes between pairs of them, a few at
 * once; both ends prove their address as links do (mesh/wire/lane.ts), keep proving it, and send one packet over each lane in the end. What
 * happens is told as one JSON line each.
 */
import { createHmac } from "node:crypto";
import { fromBase64Url } from "../../mesh/wire/encoding.ts";
import type { FromGate, LaneEnd } from "../../mesh/wire/gate_session.ts";
import {
  decodeLaneAnswer,
  encodeLaneRequest,
  type Hmac,
  isLaneControl,
  laneTransaction,
} from "../../mesh/wire/lane.ts";
import { follow, Loader, type LoadSession, type LoadTarget, random, readOrder, say } from "./load_node.ts";
import { nodesFor, pairsOf } from "./pairs.ts";

/** Lanes that are being set up at once. */
const AT_ONCE = 64;
/** An unanswered proof is sent again, and one that holds is renewed, after so long, in ms; as links do. */
const [RETRY, RENEW] = [500, 20_000];
/** A lane that is not ready by then has failed, in ms. */
const PATIENCE = 20_000;

const hmac: Hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Proof {
  end: LaneEnd;
  token: Uint8Array;
  nonce?: Uint8Array;
  due: number;
}

/** A session with its UDP port, at one end of many lanes. */
class Node {
  readonly id: string;
  readonly #session: LoadSession;
  readonly #host: string;
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  readonly #proofs = new Map<number, Proof>();
  /** Whom a lane is awaited with, and what came of it: the lane's port, or why there is none. */
  readonly #awaited = new Map<string, (outcome: number | string) => void>();
  /** Packets that came over lanes. */
  arrived = 0;

  constructor(session: LoadSession, host: string) {
    this.id = session.node.id;
    this.#session = session;
    this.#host = host;
    follow(session, (message) => this.#hear(message)).catch((error) => say({ t: "lost", why: String(error) }));
    this.#read();
  }

  /** Asks for a lane; gives its port when packets cross, or why they never will. */
  async ask(node: string): Promise<number | string> {
    const outcome = new Promise<number | string>((resolve) => this.#awaited.set(node, resolve));
    await this.#session.line.send({ t: "lane", node, want: true });
    return await outcome;
  }

  #hear(message: FromGate): void {
    if (message.t === "lane") {
      this.#proofs.set(message.port, { end: message.end, token: fromBase64Url(message.token), due: 0 });
      this.#prove(message.port);
    } else if (message.t === "lane-ready") this.#awaited.get(message.node)?.(message.port);
    else if (message.t === "lane-ended") this.#awaited.get(message.node)?.(message.reason);
  }

  #prove(port: number): void {
    const proof = this.#proofs.get(port)!;
    proof.due = performance.now() + RETRY;
    const { end, nonce } = proof;
    const request = { end, transaction: laneTransaction(port, random(6)), ...(nonce && { nonce }) };
    this.send(port, encodeLaneRequest(request, proof.token, hmac));
  }

  send(port: number, bytes: Uint8Array): void {
    this.#socket.send(bytes, { transport: "udp", hostname: this.#host, port }).catch(() => {}); // as lost on the way
  }

  /** Proves again what is due. */
  renew(now: number): void {
    for (const [port, { due }] of this.#proofs) if (due <= now) this.#prove(port);
  }

  async #read(): Promise<void> {
    for await (const [bytes, from] of this.#socket) {
      const { port } = from as Deno.NetAddr;
      const proof = this.#proofs.get(port);
      if (!proof) continue;
      if (!isLaneControl(bytes)) this.arrived++;
      const answer = decodeLaneAnswer(bytes, proof.token, hmac);
      if (answer?.kind === "nonce") {
        proof.nonce = answer.nonce.slice();
        this.#prove(port);
      } else if (answer?.kind === "proved") proof.due = performance.now() + RENEW;
    }
  }
}

const { lanes, ...target } = await readOrder<LoadTarget & { lanes: number }>();
const loader = await Loader.of(target);
const nodes: Node[] = [];
await loader.openAll(await loader.nodes(nodesFor(lanes)), (session) => nodes.push(new Node(session, target.host)));
setInterval(() => nodes.forEach((node) => node.renew(performance.now())), 250);
say({ t: "made" });

const pairs = pairsOf(nodes.length, lanes).map(([a, b]) => [nodes[a]!, nodes[b]!] as const);
const [ready, times]: [(readonly [Node, number])[], number[]] = [[], []];
let [next, why] = [0, ""];
const started = performance.now();
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let pair = pairs[next++]; pair; pair = pairs[next++]) {
    const [a, b] = pair;
    const asked = performance.now();
    const both = Promise.all([a.ask(b.id), b.ask(a.id)]);
    const [port] = await Promise.race([both, sleep(PATIENCE).then(() => ["not ready in time"])]);
    if (typeof port === "string") why = port;
    else {
      ready.push([a, port!]);
      times.push(performance.now() - asked);
      if (ready.length % 500 === 0) {
        say({ t: "opening", opened: ready.length, seconds: (performance.now() - started) / 1000 });
      }
    }
  }
}));
say({ t: "opened", opened: ready.length, seconds: (performance.now() - started) / 1000, times, why });
for (const [i, [node, port]] of ready.entries()) {
  node.send(port, random(64).fill(0, 0, 8));
  if (i % 64 === 0) await sleep(5);
}
await sleep(1_000);
say({ t: "crossed", packets: nodes.reduce((sum, node) => sum + node.arrived, 0) });
