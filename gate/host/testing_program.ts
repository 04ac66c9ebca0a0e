/** The program itself for tests, as a subprocess, beside a stand-in for the coordinator. */
import { verifyGateRecord } from "../../mesh/trust/record.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import { DEFAULT_ADMIT } from "../../mesh/wire/admit.ts";
import { type GhostError, toProblem } from "../../mesh/wire/errors.ts";
import { encodeToken } from "../../mesh/wire/token.ts";
import { seconds, type TestGate, type TestNetwork, until } from "./testing.ts";

/** Stands in for the coordinator: stores what it is given and checks nothing. */
export class Coordinator implements AsyncDisposable {
  readonly network: TestNetwork;
  readonly records: string[] = [];
  refusal: GhostError | null = null;
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  #server: Deno.HttpServer<Deno.NetAddr>;
  readonly port: number;

  constructor(network: TestNetwork) {
    this.network = network;
    this.#server = this.#serve(0);
    this.port = this.#server.addr.port;
  }

  #serve(port: number): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => this.#answer(request));
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const { ledger } = this.network;
    const body = await request.text();
    if (this.refusal) return Response.json(toProblem(this.refusal), { status: toProblem(this.refusal).status });
    if (pathname === "/v1/ledger") {
      return Response.json({ entries: ledger.entries.slice(Number(searchParams.get("from"))), head: ledger.head });
    }
    if (pathname === "/v1/gates") {
      this.records.push(JSON.parse(body).record);
      return Response.json({ id: "a".repeat(26), head: ledger.head });
    }
    let mine: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        mine = controller;
        this.#streams.add(controller);
        const from = Number(searchParams.get("ledger"));
        for (const entry of ledger.entries.slice(from)) this.#event(controller, "ledger", { entry });
        this.#event(controller, "synced", { head: ledger.head, snapshot: true });
      },
      cancel: () => void this.#streams.delete(mine),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  #event(to: ReadableStreamDefaultController<Uint8Array>, type: string, data: object): void {
    to.enqueue(
      new TextEncoder().encode(
        `event: ${type}\nid: c${this.network.ledger.head.seq}\ndata: ${JSON.stringify(data)}\n\n`,
      ),
    );
  }

  /** Appends an entry and tells those who follow. */
  async append(...o: Parameters<TestNetwork["append"]>): Promise<void> {
    const entry = await this.network.append(...o);
    for (const stream of this.#streams) this.#event(stream, "ledger", { entry });
  }

  token(key: SigningKey, change: Partial<Parameters<typeof encodeToken>[0]> = {}): string {
    const { id: net, ledger } = this.network;
    return encodeToken({ server: `http://127.0.0.1:${this.port}`, net, head: ledger.head, key: key.seed, ...change });
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    await this.#server.shutdown();
  }

  start(): void {
    this.#server = this.#serve(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

const ROOT = new URL("../..", import.meta.url).pathname;

/** A ghostgate process, with the permissions that its launcher gives it: the named set and its own folder. */
export class Program implements AsyncDisposable {
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(args: string[], dir?: string) {
    const folder = dir ? [`--allow-read=${dir}`, `--allow-write=${dir}`] : [];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-P=gate", `--config=${ROOT}deno.json`, "--no-prompt", ...folder, `${ROOT}gate/main.ts`, ...args],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const take = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.log += text;
    };
    this.#read = Promise.all([take(this.#child.stdout), take(this.#child.stderr)]).then(() => {});
  }

  /** Waits for a line, and gives its match. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    try {
      return await until(String(pattern), () => pattern.exec(this.log));
    } catch (error) {
      throw new Error(`${(error as Error).message}; the log is:\n${this.log}`);
    }
  }

  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  async stop(): Promise<number> {
    try {
      this.#child.kill("SIGTERM");
    } catch { /* ended */ }
    return await this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A folder with a configuration for it. */
export class Folder implements AsyncDisposable {
  readonly dir: string = Deno.makeTempDirSync();
  readonly args: string[];

  constructor(relay = 'listen = "127.0.0.1:0"') {
    Deno.writeTextFileSync(`${this.dir}/ghostgate.toml`, `[relay]\nname = "gate1"\nlanes_kernel = false\n${relay}\n`);
    this.args = ["--config", `${this.dir}/ghostgate.toml`, "--state-dir", `${this.dir}/state`];
  }

  auth(token: string): string[] {
    Deno.writeTextFileSync(`${this.dir}/token`, token);
    return ["--auth", `@${this.dir}/token`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** The gate of the newest record that the coordinator has been given. */
export async function publishedGate(coordinator: Coordinator): Promise<TestGate> {
  const jws = coordinator.records.at(-1)!;
  const gate = await verifyGateRecord(jws, {
    ledger: coordinator.network.ledger,
    now: seconds(),
    admit: DEFAULT_ADMIT,
  });
  return { port: gate.record.quic!, stun: gate.record.stun, key: gate.key, cert: gate.record.cert };
}
