/**
 * The coordinator's interface (wire/api.ts) as calls. Each request carries a proof by `key`; the coordinator's answers are decoded, but
 * not believed: whoever calls verifies ledger entries and records with mesh/trust.
 */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import {
  type LedgerPage,
  ledgerPage,
  loginAnswer,
  policyDraft,
  PROOF_HEADER,
  recordAnswer,
  recordList,
  type ServerInfo,
  serverInfo,
  type SyncEvent,
  syncEvent,
} from "../wire/api.ts";
import { type Bytes, fromUtf8, parseJson, toBase64Url, utf8 } from "../wire/encoding.ts";
import { fromProblem, GhostError } from "../wire/errors.ts";
import { type LedgerHead, ledgerHead } from "../wire/ledger.ts";
import { proposalAnswer, proposalList, type proposalRequest, type WireProposal } from "../wire/proposal.ts";
import { parse, type z } from "../wire/schema.ts";
import type { SigningKey } from "../trust/keys.ts";
import { makeRequestProof } from "../trust/proof.ts";
import { type ClientCertificate, HttpConnection, unreachable } from "./http.ts";
import { parseServer } from "./server_address.ts";

/** A stream on which nothing comes for this many milliseconds is lost; the coordinator sends a comment well before. */
const SYNC_IDLE = 45_000;
/** Longest event: a ledger entry with a whole policy, and its JSON around it. */
const MAX_EVENT = 4 << 20;

export interface MeshClientOptions {
  /** As `parseServer` reads it. */
  server: string;
  /** PEM of the coordinator's own CA; without it the system's CAs count. */
  ca?: string | null | undefined;
  /** Network id. */
  net: string;
  /** The caller's key: an admin's, a node's or gate's identity, or a grant's. */
  key: SigningKey;
  /** Milliseconds since 1970. */
  now(): number;
  random(n: number): Bytes;
  /** The certificate by which the caller comes in, shown in TLS when its record is published. */
  certificate?: () => Promise<ClientCertificate | null>;
  /** Connections of before, used if they lead to this server; `close()` closes them too. */
  connection?: HttpConnection | undefined;
}

/** One caller's view of one coordinator. `close()` lets go of kept connections. */
export class MeshClient {
  /** The coordinator's address. */
  readonly server: URL;
  readonly #options: MeshClientOptions;
  readonly #http: HttpConnection;

  constructor(options: MeshClientOptions) {
    this.server = parseServer(options.server);
    this.#options = options;
    const ca = options.ca ?? undefined;
    const { connection } = options;
    this.#http = connection?.leadsTo(this.server, ca) ? connection : new HttpConnection(this.server, ca);
  }

  /** The connections, for another caller who goes on with them. */
  get connection(): HttpConnection {
    return this.#http;
  }

  /** Connections that wait may lead nowhere now: what is asked next goes over a new one. */
  networkMoved(): void {
    this.#http.dropIdle();
  }

  close(): void {
    this.#http.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Who the server is; needs no right. */
  async info(o: { signal?: AbortSignal } = {}): Promise<ServerInfo> {
    return parse(
      serverInfo,
      await this.#http.json({ method: "GET", path: "/v1/server", headers: {}, signal: o.signal }),
      "server",
    );
  }

  /**
   * How far this machine's clock is ahead of the server's, in ms; null when the server does not tell. Its answers are dated to
   * the second, so half a second means nothing.
   */
  async clockAhead(o: { signal?: AbortSignal } = {}): Promise<number | null> {
    const before = this.#options.now();
    const request = { method: "GET", path: "/v1/server", headers: {}, signal: o.signal } as const;
    const { response, destroy } = await this.#http.open(request);
    const date = Date.parse(response.headers.date ?? "");
    destroy();
    return Number.isNaN(date) ? null : (before + this.#options.now()) / 2 - (date + 500);
  }

  /** Ledger entries from `from` on; a page may end before the head, then ask again. */
  async ledger(from: number, o: { signal?: AbortSignal } = {}): Promise<LedgerPage> {
    return parse(ledgerPage, await this.#get(`/v1/ledger?from=${from}`, o.signal), "ledger");
  }

  /** Appends signed entries. @throws GhostError `ledger_moved` when somebody was faster */
  async append(entries: readonly string[]): Promise<LedgerHead> {
    return parse(ledgerHead, await this.#post("/v1/ledger", { entries }), "head");
  }

  /** Changes that wait for more admins; what they say and who consents is the caller's to check. */
  async proposals(): Promise<WireProposal[]> {
    return parse(proposalList, await this.#get("/v1/proposals"), "proposals").proposals;
  }

  /** Proposes a change, or consents to one that is there; gives its id. */
  async propose(proposal: z.infer<typeof proposalRequest>): Promise<string> {
    return parse(proposalAnswer, await this.#post("/v1/proposals", proposal), "answer").id;
  }

  async publishNode(record: string): Promise<z.infer<typeof recordAnswer>> {
    const certificate = await this.#options.certificate?.() ?? null;
    return parse(recordAnswer, await this.#post("/v1/nodes", { record }, { certificate }), "answer");
  }

  async publishGate(record: string): Promise<z.infer<typeof recordAnswer>> {
    return parse(recordAnswer, await this.#post("/v1/gates", { record }), "answer");
  }

  /** Records of the nodes that this key may see, unverified; for an admin with `all` also those that do not hold. */
  async nodes({ all = false }: { all?: boolean } = {}): Promise<string[]> {
    return parse(recordList, await this.#get(`/v1/nodes${all ? "?all" : ""}`), "nodes").records;
  }

  /** Records of all gates, unverified. */
  async gates(): Promise<string[]> {
    return parse(recordList, await this.#get("/v1/gates"), "gates").records;
  }

  /** Leaves a sealed box for a node, or several that arrive in this order. */
  async mail(to: string, box: string | readonly string[], o: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#post("/v1/mail", { to, box }, o);
  }

  /** Tells the coordinator that a log-in is under way whose browser may come back to it; `id` is the hash of its `state`. */
  async startLogin(o: { id: string; machine: string }): Promise<void> {
    await this.#post("/v1/oidc/start", o);
  }

  /** What came back of an own log-in; `user` tells its last page who has logged in. */
  async loginAnswer(o: { id: string; user?: string }): Promise<{ code: string } | { error: string } | null> {
    return parse(loginAnswer, await this.#post("/v1/oidc/answer", o), "answer").answer;
  }

  /** The coordinator's policy draft, null when it has none. Before set-up the code's secret stands in for the proof. */
  async draft(o: { setup?: Uint8Array; signal?: AbortSignal } = {}): Promise<z.infer<typeof policyDraft> | null> {
    const path = "/v1/policy/draft";
    try {
      const answer = o.setup
        ? await this.#http.json({
          method: "GET",
          path,
          headers: { authorization: `Setup ${toBase64Url(o.setup)}` },
          signal: o.signal,
        })
        : await this.#get(path, o.signal);
      return parse(policyDraft, answer, "draft");
    } catch (error) {
      if (error instanceof GhostError && error.code === "not_found") return null;
      throw error;
    }
  }

  /** Claims a coordinator: genesis and first policy, with the set-up code's secret. */
  async setup(secret: Uint8Array, entries: readonly string[], o: { recover?: boolean } = {}): Promise<LedgerHead> {
    const body = utf8(JSON.stringify({ secret: toBase64Url(secret), entries, ...o }));
    return parse(ledgerHead, await this.#http.json({ method: "POST", path: "/v1/setup", headers: {}, body }), "head");
  }

  /**
   * The coordinator's changes as they happen. Without a cursor it begins with a snapshot, with one (the last event's `id`) with what
   * was missed. Ends by throwing: the caller waits a little and calls again with its last cursor. Aborting the signal closes the socket and ends it quietly.
   * @param o.idle milliseconds of silence after which the stream counts as lost
   * @throws GhostError `unreachable` when the stream is lost, or what the coordinator refused it with
   */
  async *sync(
    o: { cursor?: string | undefined; ledgerFrom: number; signal: AbortSignal; idle?: number },
  ): AsyncGenerator<{ id: string; event: SyncEvent }, void, undefined> {
    if (o.signal.aborted) return;
    const path = `/v1/sync?ledger=${o.ledgerFrom}`;
    const idle = watchdog(o.idle ?? SYNC_IDLE);
    const signal = AbortSignal.any([o.signal, idle.signal]);
    try {
      const headers = await this.#proof("GET", path);
      headers.accept = "text/event-stream";
      if (o.cursor !== undefined) headers["last-event-id"] = o.cursor;
      const { response } = await this.#http.open({ method: "GET", path, headers, signal });
      if (response.statusCode !== 200) throw await refusal(response);
      yield* this.#events(response, idle);
      throw unreachable(this.server, new Error("the stream ended"));
    } catch (error) {
      if (o.signal.aborted) return;
      if (idle.signal.aborted) throw unreachable(this.server, idle.signal.reason);
      throw error instanceof GhostError ? error : unreachable(this.server, error);
    } finally {
      idle.stop();
    }
  }

  async *#events(
    stream: AsyncIterable<Uint8Array>,
    idle: Watchdog,
  ): AsyncGenerator<{ id: string; event: SyncEvent }, void, undefined> {
    const messages: EventSourceMessage[] = [];
    let fault: Error | undefined;
    const parser = createParser({
      maxBufferSize: MAX_EVENT,
      onEvent: (message) => messages.push(message),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") fault = error;
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      idle.stop(); // time that the reader takes is not the server's silence
      parser.feed(decoder.decode(chunk, { stream: true }));
      for (const message of messages.splice(0)) {
        const event = readEvent(message);
        if (event) yield { id: message.id ?? "", event };
      }
      if (fault) throw new GhostError("too_large", "The coordinator sent an event that is too long", { cause: fault });
      idle.feed();
    }
  }

  async #get(path: string, signal?: AbortSignal): Promise<unknown> {
    const ask = async () =>
      await this.#http.json({ method: "GET", path, headers: await this.#proof("GET", path), signal });
    try {
      return await ask();
    } catch (error) {
      // A kept connection that the server had just closed.
      const cause = error instanceof GhostError ? error.cause as { code?: string } | undefined : undefined;
      if (cause?.code !== "ECONNRESET" || signal?.aborted) throw error;
      return await ask();
    }
  }

  async #post(
    path: string,
    value: unknown,
    o: { certificate?: ClientCertificate | null; signal?: AbortSignal } = {},
  ): Promise<unknown> {
    const body = utf8(JSON.stringify(value));
    const headers = await this.#proof("POST", path, body);
    return await this.#http.json({ method: "POST", path, headers, body, ...o });
  }

  async #proof(method: string, path: string, body: Bytes = utf8("")): Promise<Record<string, string>> {
    const { key, net, now, random } = this.#options;
    const jti = toBase64Url(random(16));
    return {
      [PROOF_HEADER]: await makeRequestProof({ key, method, path, net, body, iat: Math.floor(now() / 1000), jti }),
    };
  }
}

/** Event types that this version does not know are passed over, so that an older node can read a newer coordinator. */
function readEvent(message: EventSourceMessage): SyncEvent | undefined {
  const known = syncEvent.options.some((option) => option.shape.type.value === message.event);
  if (!known) return undefined;
  const data = parseJson(message.data, { place: `sync event ${message.event}`, max: MAX_EVENT });
  return parse(syncEvent, { ...(data as object), type: message.event }, "event");
}

async function refusal(response: AsyncIterable<Uint8Array> & { statusCode?: number | undefined }): Promise<GhostError> {
  const parts: number[] = [];
  for await (const chunk of response) {
    parts.push(...chunk);
    if (parts.length > 65_536) break;
  }
  let problem: unknown;
  try {
    problem = parseJson(fromUtf8(new Uint8Array(parts)));
  } catch { /* a proxy's page */ }
  return fromProblem(response.statusCode ?? 500, problem);
}

interface Watchdog {
  readonly signal: AbortSignal;
  /** Starts the time anew. */
  feed(): void;
  stop(): void;
}

/** Aborts its signal when it is not fed for `ms`. */
function watchdog(ms: number): Watchdog {
  const controller = new AbortController();
  const bark = () => controller.abort(new Error(`nothing came for ${ms / 1000} s`));
  let timer = setTimeout(bark, ms);
  return {
    signal: controller.signal,
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(bark, ms);
    },
    stop: () => clearTimeout(timer),
  };
}
