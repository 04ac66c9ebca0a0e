/**
 * One HTTP exchange with a coordinator, over node:http(s), because fetch() cannot ask for a TLS name other than the host
 * it dials, and a pinned coordinator is asked for MESH_TLS_NAME. Answers are bounded; every failure of the network is one
 * `unreachable` that names the server.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { MESH_TLS_NAME } from "../wire/api.ts";
import { parseJson } from "../wire/encoding.ts";
import { fromProblem, GhostError } from "../wire/errors.ts";
import { hostOf, portOf, serverText } from "./server_address.ts";

/** Milliseconds that a server has for an answer. */
const ANSWER_TIMEOUT = 20_000;
/** A kept connection that was used so lately, in ms, is not one that the server is about to close. */
const WARM = 1_000;
/** Connections that are kept while nothing is asked. */
const MAX_IDLE = 4;
/** Largest answer; a ledger page of 1000 entries may hold a few long policies. */
const MAX_ANSWER = 64 << 20;

/** A client's certificate chain and its key (PKCS #8), PEM. */
export interface ClientCertificate {
  cert: string;
  key: string;
}

export interface HttpRequest {
  method: "GET" | "POST";
  /** With query. */
  path: string;
  headers: Record<string, string>;
  body?: Uint8Array;
  /** Shown in TLS when the server asks for one. */
  certificate?: ClientCertificate | null;
  signal?: AbortSignal | undefined;
}

/** Connections to one coordinator, for any number of callers. */
export class HttpConnection {
  readonly #server: URL;
  readonly #ca: string | undefined;
  readonly #agent: HttpAgent | HttpsAgent;
  /** When an answer was whole last, ms of the monotonic clock. */
  #usedAt = -Infinity;

  constructor(server: URL, ca: string | undefined) {
    if (ca !== undefined && server.protocol !== "https:") {
      throw new GhostError("bad_input", "A pinned certificate needs https", { place: serverText(server) });
    }
    this.#server = server;
    this.#ca = ca;
    this.#agent = server.protocol === "https:"
      ? new HttpsAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE })
      : new HttpAgent({ keepAlive: true, maxFreeSockets: MAX_IDLE });
  }

  /** Whether these are connections to that very coordinator. */
  leadsTo(server: URL, ca: string | undefined): boolean {
    return this.#server.href === server.href && this.#ca === ca;
  }

  /** Closes idle connections; running requests end by their own. */
  close(): void {
    this.#agent.destroy();
  }

  /** Sends a request and gives its JSON answer. @throws GhostError of a problem answer, or `unreachable` */
  async json(request: HttpRequest): Promise<unknown> {
    const deadline = AbortSignal.timeout(ANSWER_TIMEOUT);
    const signal = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline;
    const { response } = await this.open({ ...request, signal });
    const text = await this.#read(response, MAX_ANSWER, signal);
    this.#usedAt = performance.now();
    let value: unknown;
    try {
      value = text === "" ? undefined : parseJson(text, { max: MAX_ANSWER });
    } catch (error) {
      if (response.statusCode! < 400) throw this.#lost(new Error("the answer is not JSON", { cause: error }));
    }
    if (response.statusCode! >= 300) throw fromProblem(response.statusCode!, value);
    return value;
  }

  /** Sends a request and gives its answer as a stream once the headers are there; the signal ends it at any time. */
  open(request: HttpRequest): Promise<{ response: IncomingMessage; destroy: () => void }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ response: IncomingMessage; destroy: () => void }>();
    const { signal } = request;
    if (signal?.aborted) {
      reject(this.#lost(signal.reason));
      return promise;
    }
    if (!this.#mayKeep(request)) this.dropIdle();
    const tls = this.#server.protocol === "https:";
    const pinned = this.#ca === undefined ? {} : { ca: this.#ca, servername: MESH_TLS_NAME };
    const outgoing = (tls ? httpsRequest : httpRequest)({
      host: hostOf(this.#server),
      port: portOf(this.#server),
      method: request.method,
      path: request.path,
      headers: {
        host: `${this.#server.hostname}:${portOf(this.#server)}`,
        ...request.headers,
        ...(request.body ? { "content-length": String(request.body.length), "content-type": "application/json" } : {}),
      },
      agent: request.certificate ? false : this.#agent, // one on which a certificate was shown is nobody else's
      ...(tls ? pinned : {}),
      ...(tls && request.certificate ? request.certificate : {}),
    });
    const destroy = () => void outgoing.destroy();
    const abort = () => {
      reject(this.#lost(signal!.reason));
      destroy();
    };
    signal?.addEventListener("abort", abort, { once: true });
    outgoing.once("close", () => signal?.removeEventListener("abort", abort));
    outgoing.on("error", (error: Error) => reject(this.#lost(error)));
    outgoing.once("response", (response: IncomingMessage) => resolve({ response, destroy }));
    outgoing.end(request.body);
    return promise;
  }

  /** Only what may be asked twice goes over a kept connection, which the server may be closing at this moment; unless it has just been used. */
  #mayKeep({ method }: HttpRequest): boolean {
    return method === "GET" || performance.now() - this.#usedAt < WARM;
  }

  /** What is asked next goes over a new connection, which is kept. */
  dropIdle(): void {
    for (const idle of Object.values(this.#agent.freeSockets)) for (const socket of [...idle ?? []]) socket.destroy();
  }

  async #read(response: IncomingMessage, max: number, signal: AbortSignal): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        if (text.length > max) {
          throw new GhostError("too_large", `The answer is longer than ${max} bytes`, {
            place: serverText(this.#server),
          });
        }
      }
    } catch (error) {
      throw error instanceof GhostError ? error : this.#lost(signal.aborted ? signal.reason : error);
    }
    return text + decoder.decode();
  }

  #lost(cause: unknown): GhostError {
    return unreachable(this.#server, cause);
  }
}

const FIREWALL = "check that it runs and that a firewall lets its port in";
const CERTIFICATE = "its certificate does not fit: check the address, and whether the coordinator was set up anew";

/** What the platform's messages mean, the first that fits; a null `why` leaves the message as it is. */
const CAUSES: readonly { sign: RegExp; why: string | null; mend: string }[] = [
  { sign: /ECONNREFUSED/, why: "connection refused", mend: FIREWALL },
  {
    sign: /ENOTFOUND|EAI_AGAIN/,
    why: "no such host name",
    mend: "check the name, and that this machine can resolve names",
  },
  { sign: /wrong version number|InvalidContentType/, why: "it does not speak https", mend: "check the port" },
  { sign: /Expected HTTP/, why: "it does not speak http", mend: "check the port, or leave http:// out" },
  { sign: /certificate|UnknownIssuer|NotValidForName/i, why: null, mend: CERTIFICATE },
  { sign: /ECONNRESET/, why: "connection closed", mend: FIREWALL },
  { sign: /TimeoutError/, why: `no answer within ${ANSWER_TIMEOUT / 1000} s`, mend: FIREWALL },
];

/** The one error for whatever keeps us from talking with a coordinator. */
export function unreachable(server: URL, cause: unknown): GhostError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const signs = `${error.name} ${"code" in error ? error.code : ""} ${error.message}`;
  const known = CAUSES.find(({ sign }) => sign.test(signs));
  return new GhostError("unreachable", `Cannot reach the coordinator: ${known?.why ?? error.message}`, {
    place: serverText(server),
    cause,
    mend: known?.mend ?? FIREWALL,
  });
}
