/** Real identities for the load of the benches: records signed with a token's grant key, and sessions with a gate over QUIC. */
import { GateLine } from "../../mesh/client/mod.ts";
import { ipv6Of } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { boxKeyFromSeed, nodeIdOf, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { signNodeRecord, type VerifiedGate } from "../../mesh/trust/record.ts";
import { plainRecord } from "../../mesh/trust/testdata/plain.ts";
import { type Bytes, fromBase64Url, fromUtf8 } from "../../mesh/wire/encoding.ts";
import type { LedgerHead } from "../../mesh/wire/ledger.ts";
import type { GateRecord } from "../../mesh/wire/record.ts";
import { decodeToken, type JoinToken } from "../../mesh/wire/token.ts";

/** Sessions that are opened at once: the gate takes 64 unproved ones of one source. */
const AT_ONCE = 32;

/** Where a load goes, and by what right. */
export interface LoadTarget {
  token: string;
  /** The gate's record as JWS, and the host to dial. */
  gate: string;
  host: string;
}

export interface LoadNode {
  id: string;
  key: SigningKey;
  record: string;
}

export interface LoadSession {
  node: LoadNode;
  line: GateLine;
}

export function random(n: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** Tells the bench what happened, one JSON line each. */
export function say(what: { t: string } & Record<string, unknown>): void {
  console.log(JSON.stringify(what));
}

/** What the bench wants, from standard input. */
export async function readOrder<T>(): Promise<T> {
  return JSON.parse(await new Response(Deno.stdin.readable).text()) as T;
}

/** The lab's own gate: its key and record are taken as they stand. */
function gateOf(jws: string): VerifiedGate {
  const part = (i: number) => JSON.parse(fromUtf8(fromBase64Url(jws.split(".")[i]!)));
  const { jwk } = part(0) as { jwk: { x: string } };
  const record = part(1) as GateRecord;
  const admission = {} as VerifiedGate["admission"];
  return { id: "", key: jwk.x, jws, record, name: record.name, draining: false, admission };
}

/** Makes nodes of one network and opens their sessions with one gate. */
export class Loader {
  readonly #gate: VerifiedGate;
  readonly #token: JoinToken;
  readonly #host: string;
  readonly #grant: SigningKey;

  private constructor(target: LoadTarget, token: JoinToken, grant: SigningKey) {
    this.#gate = gateOf(target.gate);
    this.#host = target.host;
    this.#token = token;
    this.#grant = grant;
  }

  static async of(target: LoadTarget): Promise<Loader> {
    const token = decodeToken(target.token);
    return new Loader(target, token, await signingKeyFromSeed(fromBase64Url(token.key)));
  }

  get net(): string {
    return this.#token.net;
  }

  get head(): LedgerHead {
    return this.#token.head;
  }

  /** The gate as its record shows it. */
  get gate(): GateRecord {
    return this.#gate.record;
  }

  get gateKey(): string {
    return this.#gate.key;
  }

  /** SHA-256 of what its QUIC server shows. */
  get certificate(): Bytes {
    return fromBase64Url(this.gate.cert);
  }

  /** A node that nobody has seen before. @param grant another key than the token's makes one that the gate refuses */
  async node(name: string, grant: SigningKey = this.#grant): Promise<LoadNode> {
    const [key, box] = [await signingKeyFromSeed(random(32)), await boxKeyFromSeed(random(32))];
    const [id, iat] = [await nodeIdOf(key.public), Math.floor(Date.now() / 1000)];
    const plain = plainRecord({
      net: this.net,
      iat,
      name,
      wg: box.public,
      seal: box.public,
      ipv6: await ipv6Of(this.net, id),
      proof: await makeTokenProof({ grantKey: grant, net: this.net, sub: key.public, iat }),
    });
    const record = await signNodeRecord(plain, key);
    return { id, key, record };
  }

  async nodes(count: number): Promise<LoadNode[]> {
    const made: LoadNode[] = [];
    for (let i = 0; i < count; i++) made.push(await this.node(`load${i}`));
    return made;
  }

  /** Opens a node's session. @throws GhostError */
  async open(node: LoadNode): Promise<LoadSession> {
    const dial = { gate: this.#gate, host: this.#host, net: this.net, key: node.key, random, timeout: 30_000 };
    return await GateLine.open(dial, async (line) => {
      await line.send({ t: "auth", record: node.record, proof: line.proof, head: this.#token.head });
      await line.expect("welcome");
      return { node, line };
    });
  }

  /** Opens all, some at once. */
  async openAll(nodes: readonly LoadNode[], opened: (session: LoadSession) => void): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let node = nodes[next++]; node; node = nodes[next++]) opened(await this.open(node));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }
}

/** Answers the gate's pings and hands on all else, until the session ends. */
export async function follow(
  { line }: LoadSession,
  hear: (message: Awaited<ReturnType<GateLine["receive"]>>) => void = () => {},
): Promise<void> {
  while (true) {
    const message = await line.receive();
    if (message.t === "ping") await line.send({ t: "pong", n: message.n });
    else hear(message);
  }
}
