/**
 * A coordinator in an enemy's hands: it has the honest one's TLS key and store (the honest program runs behind it), speaks its
 * protocol to everybody, keeps what it sees, and lies on command.
 *
 *     deno run -A hostile_mesh.ts STATE_FOLDER HONEST_PORT ORDERS SEEN
 *
 * STATE_FOLDER is the honest program's, for its certificate; ORDERS is a file of orders (orders.ts), SEEN is where it writes
 * the statements and boxes that went through its hands. A reader is named by its node id; `*` is everybody.
 */
import { createParser } from "eventsource-parser";
import { nodeIdOf } from "../../mesh/trust/keys.ts";
import { MESH_TLS_NAME, type SyncEvent } from "../../mesh/wire/api.ts";
import { payloadOf } from "./forge.ts";
import { followOrders } from "./orders.ts";

/** What it can be told to do. */
export type MeshOrder =
  /** Puts events into the streams of a reader; a text goes out as it is. */
  | { do: "send"; to: string; events: (SyncEvent | string)[] }
  /** Shows a reader no ledger entry after this number, and that one as the head. */
  | { do: "freeze"; to: string; seq: number }
  /** Shows a reader another chain from `from` on. */
  | { do: "branch"; to: string; from: number; entries: string[]; head: { seq: number; hash: string } }
  /** Swallows events of these types. */
  | { do: "mute"; to: string; types: string[] }
  /** Holds events back and gives them out in reverse, five at a time. */
  | { do: "reorder"; to: string }
  /** Ends streams after this many more characters, in the middle of what is being said. */
  | { do: "truncate"; to: string; after: number }
  /** Ends a reader's streams now. */
  | { do: "cut"; to: string }
  /** Answers requests for paths that begin so with this. */
  | { do: "answer"; path: string; status: number; body: string; type?: string }
  /** Hands a request of somebody else's to the honest program. */
  | { do: "pass"; path: string; body: string; proof: string }
  /** Becomes honest again, and ends all streams. */
  | { do: "honest" };

/** What went through its hands, in order. */
export interface Seen {
  nodes: string[];
  gates: string[];
  ledger: string[];
  mail: { from: string; to: string; box: string }[];
}

const [state, honestPort, ordersFile, seenFile] = Deno.args as [string, string, string, string];
const pem = await Deno.readTextFile(`${state}/tls.pem`);
const ca =
  (await Deno.readTextFile(`${state}/ca.pem`)).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/)![0];
const key = pem.match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/)![0];
const cert = `${pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/)![0]}\n${ca}\n`;
const upstream = Deno.createHttpClient({ caCerts: [ca] });

const seen: Seen = { nodes: [], gates: [], ledger: [], mail: [] };
let writing: Promise<void> = Promise.resolve();
function note<K extends keyof Seen>(kind: K, what: Seen[K][number]): void {
  const list = seen[kind] as unknown[];
  if (typeof what === "string" && list.includes(what)) return;
  list.push(what);
  writing = writing.then(async () => {
    await Deno.writeTextFile(`${seenFile}.new`, JSON.stringify(seen));
    await Deno.rename(`${seenFile}.new`, seenFile);
  });
}

const readers = new Set<string>();
/** Readers whose next stream begins without their cursor. */
const deceived = new Set<string>();
let lies: Exclude<MeshOrder, { do: "send" | "cut" | "pass" | "honest" }>[] = [];

/** A lie of a kind that is meant for this reader; the newest counts. */
function lie<K extends (typeof lies)[number]["do"]>(kind: K, reader: string) {
  type Lie = Extract<(typeof lies)[number], { do: K }>;
  return lies.findLast((l) => l.do === kind && (!("to" in l) || l.to === "*" || l.to === reader)) as Lie | undefined;
}

/** One reader's stream. */
class Stream {
  readonly reader: string;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #held: string[] = [];
  #left: number | null = null;
  readonly #abort: AbortController;
  readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => void (this.#controller = controller),
    cancel: () => this.end(),
  });

  constructor(reader: string, abort: AbortController) {
    this.reader = reader;
    this.#abort = abort;
  }

  say(text: string): void {
    if (lie("reorder", this.reader)) {
      this.#held.push(text);
      if (this.#held.length < 5) return;
      text = this.#held.splice(0).reverse().join("");
    }
    const cut = lie("truncate", this.reader);
    if (cut) {
      this.#left ??= cut.after;
      const part = text.slice(0, this.#left);
      this.#left -= part.length;
      this.#push(part);
      if (this.#left <= 0) this.end();
      return;
    }
    this.#push(text);
  }

  #push(text: string): void {
    try {
      this.#controller.enqueue(new TextEncoder().encode(text));
    } catch { /* the reader has gone */ }
  }

  end(): void {
    streams.delete(this);
    this.#abort.abort();
    try {
      this.#controller.close();
    } catch { /* it has ended */ }
  }
}
const streams = new Set<Stream>();

function textOf(event: SyncEvent | string, id = ""): string {
  if (typeof event === "string") return event;
  return `event: ${event.type}\n${id === "" ? "" : `id: ${id}\n`}data: ${JSON.stringify(event)}\n\n`;
}

/** What a reader is told in place of an event. */
function twisted(event: SyncEvent, reader: string): SyncEvent[] {
  if (lie("mute", reader)?.types.includes(event.type)) return [];
  const frozen = lie("freeze", reader);
  const branch = lie("branch", reader);
  if (event.type === "ledger") {
    const { seq } = payloadOf<{ seq: number }>(event.entry);
    if (frozen && seq > frozen.seq) return [];
    if (branch && seq >= branch.from) return [];
  }
  if (event.type === "synced") {
    if (frozen) return [{ ...event, head: headAt(frozen.seq) ?? event.head }];
    if (branch) {
      return [...branch.entries.map((entry) => ({ type: "ledger" as const, entry })), { ...event, head: branch.head }];
    }
  }
  return [event];
}

const heads = new Map<number, string>();
function headAt(seq: number): { seq: number; hash: string } | undefined {
  const hash = heads.get(seq);
  return hash === undefined ? undefined : { seq, hash };
}

async function noteEntry(entry: string): Promise<void> {
  note("ledger", entry);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(entry)));
  heads.set(payloadOf<{ seq: number }>(entry).seq, digest.toBase64({ alphabet: "base64url", omitPadding: true }));
}

async function sync(request: Request, reader: string): Promise<Response> {
  const abort = new AbortController();
  // Its lies may have become the reader's: who was lied to begins anew.
  const fresh = deceived.delete(reader);
  const answer = await forward(request, undefined, { signal: abort.signal, fresh });
  if (answer.status !== 200 || answer.body === null) return answer;
  const stream = new Stream(reader, abort);
  streams.add(stream);
  console.log(`stream ${reader}`);
  const events: { event: SyncEvent; id: string }[] = [];
  const parser = createParser({
    maxBufferSize: 8 << 20,
    onEvent: (m) => events.push({ event: { ...JSON.parse(m.data), type: m.event }, id: m.id ?? "" }),
    onComment: () => stream.say(":\n\n"),
  });
  const pump = async () => {
    for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
      parser.feed(text);
      for (const { event, id } of events.splice(0)) {
        if (event.type === "ledger") await noteEntry(event.entry);
        if (event.type === "node") note("nodes", event.record);
        if (event.type === "gate") note("gates", event.record);
        for (const told of twisted(event, reader)) stream.say(textOf(told, id));
      }
    }
  };
  pump().catch(() => {}).finally(() => stream.end());
  return new Response(stream.body, { headers: { "content-type": "text/event-stream" } });
}

async function forward(
  request: Request,
  body: Uint8Array<ArrayBuffer> | undefined,
  { signal, fresh = false }: { signal?: AbortSignal; fresh?: boolean } = {},
): Promise<Response> {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.delete("host");
  if (fresh) headers.delete("last-event-id");
  return await fetch(`https://localhost:${honestPort}${url.pathname}${url.search}`, {
    method: request.method,
    headers,
    client: upstream,
    redirect: "manual",
    ...(signal ? { signal } : {}),
    ...(body === undefined ? {} : { body }),
  });
}

async function readerOf(request: Request): Promise<string> {
  const proof = request.headers.get("dpop");
  if (proof === null) return "";
  const header = JSON.parse(atob(proof.split(".")[0]!.replace(/-/g, "+").replace(/_/g, "/")));
  return await nodeIdOf(header.jwk.x).catch(() => "");
}

async function handle(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const answer = lies.findLast((l) => l.do === "answer" && pathname.startsWith(l.path));
  if (answer?.do === "answer") {
    return new Response(answer.body, {
      status: answer.status,
      headers: { "content-type": answer.type ?? "application/json" },
    });
  }
  const reader = await readerOf(request);
  readers.add(reader);
  if (pathname === "/v1/sync") return await sync(request, reader);
  const body = request.method === "POST" ? new Uint8Array(await request.arrayBuffer()) : undefined;
  if (body) await keep(pathname, reader, body);
  const honest = await forward(request, body);
  if (pathname !== "/v1/ledger" || request.method !== "GET" || honest.status !== 200) return honest;
  const page = await honest.json() as { entries: string[]; head: { seq: number; hash: string } };
  for (const entry of page.entries) await noteEntry(entry);
  const branch = lie("branch", reader);
  const frozen = lie("freeze", reader);
  const until = branch ? branch.from - 1 : frozen?.seq ?? Infinity;
  page.entries = page.entries.filter((entry) => payloadOf<{ seq: number }>(entry).seq <= until);
  if (branch) {
    const from = Number(new URLSearchParams(search).get("from") ?? 0);
    page.entries.push(...branch.entries.filter((entry) => payloadOf<{ seq: number }>(entry).seq >= from));
    page.head = branch.head;
  } else if (frozen) page.head = headAt(frozen.seq) ?? page.head;
  return Response.json(page);
}

async function keep(path: string, reader: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return;
  }
  if (path === "/v1/nodes") note("nodes", String(value.record));
  if (path === "/v1/gates") note("gates", String(value.record));
  if (path === "/v1/mail") {
    for (const box of [value.box].flat()) note("mail", { from: reader, to: String(value.to), box: String(box) });
  }
  if (path === "/v1/ledger") { for (const entry of value.entries as string[]) await noteEntry(entry); }
}

async function pass({ path, body, proof }: Extract<MeshOrder, { do: "pass" }>): Promise<void> {
  const headers = { dpop: proof, "content-type": "application/json" };
  const answer = await forward(
    new Request(`https://localhost${path}`, { method: "POST", headers }),
    new TextEncoder().encode(body),
  );
  if (answer.status !== 200) throw new Error(await answer.text());
}

async function carryOut(value: unknown): Promise<void> {
  const order = value as MeshOrder;
  const audience = (to: string) => [...streams].filter((s) => to === "*" || s.reader === to);
  switch (order.do) {
    case "send":
      for (const stream of audience(order.to)) for (const event of order.events) stream.say(textOf(event));
      return;
    case "cut":
      for (const stream of audience(order.to)) stream.end();
      return;
    case "pass":
      return await pass(order);
    case "honest":
      lies = [];
      for (const reader of readers) deceived.add(reader);
      for (const stream of [...streams]) stream.end();
      return;
    default:
      lies.push(order);
  }
}

Deno.serve(
  { hostname: "0.0.0.0", port: 7777, cert, key, onListen: () => console.log(`${MESH_TLS_NAME} is hostile`) },
  async (request) => {
    try {
      return await handle(request);
    } catch (error) {
      console.log(`failed: ${error}`);
      return new Response(null, { status: 502 });
    }
  },
);
await followOrders(ordersFile, carryOut);
