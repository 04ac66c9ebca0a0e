/** For the command line's tests: a real coordinator behind TLS, ghostctl as a process under its own permissions, machines that join. */
import assert from "node:assert/strict";
import { MeshClient } from "../../mesh/client/mesh_client.ts";
import { makeTestTls } from "../../mesh/client/testing_tls.ts";
import { createApp, type Draft, type MeshApp } from "../../mesh/server/mod.ts";
import { ipv4Of, ipv6Of } from "../../mesh/trust/address.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { boxKeyFromSeed, nodeIdOf, type SigningKey, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { Ledger } from "../../mesh/trust/ledger.ts";
import { signNodeRecord } from "../../mesh/trust/record.ts";
import { plainRecord } from "../../mesh/trust/testdata/plain.ts";
import { type Bytes, fromBase64Url, toBase64Url } from "../../mesh/wire/encoding.ts";
import { decodeToken, encodeSetupCode } from "../../mesh/wire/token.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));

/** How a ghostctl process ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** What one printed that has to have done what it was told. */
export function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr + stdout);
  return stdout;
}

/** Runs the real ghostctl under its named permission set; nothing but `env` and the given folders is open to it. */
export async function ghostctl(
  args: string[],
  { env = {}, open = [], stdin, flags = [], runsDeno = args.some((arg) => arg.endsWith(".ts")) }: {
    env?: Record<string, string>;
    open?: string[];
    stdin?: string;
    flags?: string[];
    /** As scripts/launch.sh allows it where an argument is a TypeScript file. */
    runsDeno?: boolean;
  } = {},
): Promise<Ended> {
  const folders = open.flatMap((dir) => [`--allow-read=${dir}`, `--allow-write=${dir}`]);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      `--config=${ROOT}deno.json`,
      "-P=ctl",
      ...folders,
      ...flags,
      ...(runsDeno ? [`--allow-run=${Deno.execPath()}`] : []),
      `${ROOT}ctl/main.ts`,
      ...args,
    ],
    clearEnv: true,
    env: { HOME: "/nonexistent", DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`, ...env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A coordinator that waits to be claimed, and a folder for ghostctl. */
export class World implements AsyncDisposable {
  app: MeshApp;
  readonly dir: string;
  readonly server: string;
  setupCode = "";
  #secret: Bytes = new Uint8Array();
  /** Answers of this many next appends are lost on their way back. */
  loseAnswers = 0;
  draft: Draft | null = null;
  #kv: Deno.Kv;
  readonly #tlsHash: string;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  private constructor(kv: Deno.Kv, dir: string, tls: { cert: string; key: string; hash: string }) {
    this.#kv = kv;
    this.dir = dir;
    this.#tlsHash = tls.hash;
    this.app = this.#newApp();
    this.#http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert: tls.cert, key: tls.key, onListen() {} },
      async (request) => {
        const lossy = request.method === "POST" && this.loseAnswers > 0;
        const response = await this.app.fetch(request);
        if (!lossy) return response;
        this.loseAnswers--;
        return new Response("lost", { status: 502 });
      },
    );
    this.server = `127.0.0.1:${this.#http.addr.port}`;
  }

  static async make(): Promise<World> {
    const tls = await makeTestTls();
    const world = new World(await Deno.openKv(":memory:"), await Deno.makeTempDir(), tls);
    await world.#newCode();
    return world;
  }

  #newApp(): MeshApp {
    return createApp({
      kv: this.#kv,
      now: () => Date.now(),
      random,
      config: { version: "0.1.0", authMethods: ["static"], draft: () => Promise.resolve(this.draft) },
    });
  }

  async #newCode(): Promise<void> {
    const secret = await this.app.newSetupSecret();
    this.#secret = secret!;
    this.setupCode = encodeSetupCode({ secret: secret!, ca: this.#tlsHash });
  }

  /** The coordinator loses its store; where it is and its certificate stay. */
  async lose(): Promise<void> {
    await this.app.close();
    this.#kv.close();
    this.#kv = await Deno.openKv(":memory:");
    this.app = this.#newApp();
    await this.#newCode();
  }

  /** The empty coordinator is claimed with these entries, as when an old copy of its store comes back. */
  async claim(entries: string[]): Promise<void> {
    const body = JSON.stringify({ secret: toBase64Url(this.#secret), entries });
    const response = await this.app.request("/v1/setup", { method: "POST", body });
    if (response.status !== 200) throw new Error(await response.text());
  }

  /** ghostctl with this world's config folder. */
  ctl(...args: string[]): Promise<Ended> {
    return ghostctl(args, { env: { GHOSTCTL_CONFIG_DIR: `${this.dir}/ctl` }, open: [this.dir] });
  }

  /** As `ctl` with --json; the answer. */
  // deno-lint-ignore no-explicit-any
  async json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await this.ctl(...args, "--json");
    if (code !== 0) throw new Error(`ghostctl ${args.join(" ")}: code ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A join token, made with these options. */
  async token(...more: string[]): Promise<string> {
    return ok(await this.ctl("token", "create", ...more)).trim();
  }

  /** Somebody with a config folder of their own: the flags that mean it, and the public key that was made there. */
  async somebody(name: string): Promise<{ flags: string[]; key: string }> {
    const flags = ["--config-dir", `${this.dir}/${name}`];
    const { join } = await this.json("admin", "list");
    return { flags, key: ok(await this.ctl(...join.split(" ").slice(1), ...flags)).trim() };
  }

  init(...more: string[]): Promise<Ended> {
    return this.ctl("init", "--server", this.server, "--setup", this.setupCode, ...more);
  }

  async file(name: string, content: string): Promise<string> {
    const path = `${this.dir}/${name}`;
    await Deno.writeTextFile(path, content);
    return path;
  }

  /** The ledger as the coordinator has it. */
  async ledger(): Promise<Ledger> {
    return (await (await this.app.network())!.replica.refresh()).ledger;
  }

  /** The CA that ghostctl pinned. */
  async #ca(): Promise<string> {
    for await (const { name } of Deno.readDir(`${this.dir}/ctl`)) {
      if (!/^[a-z2-7]+\.json$/.test(name)) continue;
      return JSON.parse(await Deno.readTextFile(`${this.dir}/ctl/${name}`)).ca;
    }
    throw new Error("ghostctl knows no network");
  }

  /** The coordinator as the holder of `key` sees it. */
  async client(net: string, key: SigningKey): Promise<MeshClient> {
    return new MeshClient({ server: this.server, ca: await this.#ca(), net, key, now: () => Date.now(), random });
  }

  /** A machine that joins with a token, some seconds `ago`, and publishes its record; its id. */
  async join(
    token: string,
    name: string,
    { identity, ago = 0, routes = [] }: { identity?: SigningKey; ago?: number; routes?: string[] } = {},
  ): Promise<string> {
    const { net, key: seed } = decodeToken(token);
    const grantKey = await signingKeyFromSeed(fromBase64Url(seed));
    const key = identity ?? await signingKeyFromSeed(random(32));
    const id = await nodeIdOf(key.public);
    const iat = Math.floor(Date.now() / 1000);
    const plain = plainRecord({
      net,
      iat,
      name,
      wg: (await boxKeyFromSeed(random(32))).public,
      seal: (await boxKeyFromSeed(random(32))).public,
      ipv6: await ipv6Of(net, id),
      ipv4: await ipv4Of(net, id, 0, "100.64.0.0/10"),
      routes,
      proof: await makeTokenProof({ grantKey, net, sub: key.public, iat: iat - ago }),
    });
    const record = await signNodeRecord(plain, key);
    using client = await this.client(net, key);
    await client.publishNode(record);
    return id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.#http.shutdown();
    this.#kv.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}
