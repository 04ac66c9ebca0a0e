import assert from "node:assert/strict";
import { MeshClient, parseServer, pinCa } from "./client/mod.ts";
import { toBase64Url } from "./wire/encoding.ts";
import { decodeSetupCode } from "./wire/token.ts";
import { makeTokenProof } from "./trust/admission/mod.ts";
import { ipv6Of } from "./trust/address.ts";
import { boxKeyFromSeed, nodeIdOf, type SigningKey } from "./trust/keys.ts";
import { type Ledger, signEntry } from "./trust/ledger.ts";
import { signNodeRecord } from "./trust/record.ts";
import { plainGrant, plainRecord } from "./trust/testdata/plain.ts";
import { firstChain, newSigningKey, OPEN_POLICY, random } from "./server/testing.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const TEXT = '[server]\nbind = "0.0.0.0:7777"\nauth_method = "oidc"\nacl_file = "acls.toml"\n';
const now = () => Date.now();
const seconds = () => Math.floor(now() / 1000);

function freePort(): number {
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  listener.close();
  return listener.addr.port;
}

/** ghostmesh as a process, by the permissions that its launcher gives it. */
class Process {
  readonly child: Deno.ChildProcess;
  stdout = "";
  stderr = "";
  readonly #read: Promise<unknown>;

  constructor(dir: string, args: string[]) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        `--config=${ROOT}deno.json`,
        "-P=mesh",
        `--allow-read=${dir}`,
        `--allow-write=${dir}`,
        `${ROOT}mesh/main.ts`,
        ...args,
      ],
      cwd: dir,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (stream: ReadableStream<Uint8Array>, to: "stdout" | "stderr") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this[to] += text;
    };
    this.#read = Promise.all([collect(this.child.stdout, "stdout"), collect(this.child.stderr, "stderr")]);
  }

  /** What `pattern` finds in the output, waiting for it at most 60 s. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (let n = 0; n < 3000; n++) {
      const found = pattern.exec(this.stdout + this.stderr);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`No ${pattern} in:\n${this.stdout}${this.stderr}`);
  }

  async end(signal?: Deno.Signal): Promise<number> {
    if (signal !== undefined) this.child.kill(signal);
    const { code } = await this.child.status;
    await this.#read;
    return code;
  }
}

interface Folder {
  dir: string;
  start(toml: string, ...args: string[]): Promise<Process>;
}

/** Runs a test in a folder of its own and leaves nothing behind. */
async function inFolder(test: (folder: Folder) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const started: Process[] = [];
  const start = async (toml: string, ...args: string[]) => {
    await Deno.writeTextFile(`${dir}/ghostmesh.toml`, toml);
    const process = new Process(dir, ["--config", "ghostmesh.toml", "--state-dir", `${dir}/state`, ...args]);
    started.push(process);
    return process;
  };
  try {
    await test({ dir, start });
  } finally {
    for (const process of started) {
      try {
        process.child.kill("SIGKILL");
      } catch { /* has ended */ }
      await process.end();
    }
    await Deno.remove(dir, { recursive: true });
  }
}

/** Founds a network with the printed code, as ghostctl does. */
async function found(mesh: Process, server: string): Promise<{ admin: SigningKey; ledger: Ledger; ca: string }> {
  const [line, code] = await mesh.line(/ghostctl init --server \S+ --setup (setup1_\S+)\n/);
  assert.ok(mesh.stdout.includes(line) && !mesh.stderr.includes(code!), "the code is not in the log");
  const { secret, ca: hash } = decodeSetupCode(code!);
  const ca = await pinCa(parseServer(server), hash!);
  const admin = await newSigningKey();
  const { ledger, entries } = await firstChain(admin, { policy: OPEN_POLICY, iat: seconds() });
  using client = new MeshClient({ server, ca, net: ledger.network.id, key: admin, now, random });
  await client.setup(secret, entries);
  return { admin, ledger, ca };
}

async function makeRecord(o: { key: SigningKey; grantKey: SigningKey; net: string; name: string }): Promise<string> {
  const id = await nodeIdOf(o.key.public);
  const record = plainRecord({
    net: o.net,
    iat: seconds(),
    name: o.name,
    wg: (await boxKeyFromSeed(random(32))).public,
    seal: (await boxKeyFromSeed(random(32))).public,
    ipv6: await ipv6Of(o.net, id),
    proof: await makeTokenProof({ grantKey: o.grantKey, net: o.net, sub: o.key.public, iat: seconds() }),
  });
  return await signNodeRecord(record, o.key);
}

Deno.test("ghostmesh starts from the short file as it stands, says what is missing, and stops cleanly", async () => {
  await inFolder(async ({ start }) => {
    const port = freePort();
    const toml = TEXT.replace("7777", String(port));
    const mesh = await start(toml);
    await mesh.line(new RegExp(`listens on https://0\\.0\\.0\\.0:${port}\n`));
    await mesh.line(/warn .*auth_method "oidc": .*names no issuer.*nobody gets in by it/);
    await mesh.line(/warn .*acl_file does not exist file=\S*acls\.toml/);
    await mesh.line(/ghostctl init --server \S+ --setup setup1_/);
    assert.equal(await mesh.end("SIGTERM"), 0);
    assert.match(mesh.stderr, /info ghostmesh: stopping\n$/);
  });
});

Deno.test("ghostmesh loses nothing that it acknowledged when it is killed while nodes join", async () => {
  await inFolder(async ({ start }) => {
    const port = freePort();
    const server = `127.0.0.1:${port}`;
    const toml = TEXT.replace("7777", String(port));
    let mesh = await start(toml);
    const { admin, ledger, ca } = await found(mesh, server);
    const net = ledger.network.id;
    const as = (key: SigningKey) => new MeshClient({ server, ca, net, key, now, random });
    const grantKey = await newSigningKey();
    const entry = { ledger, admin, kind: "grant", iat: seconds(), body: plainGrant(grantKey.public) } as const;
    {
      using client = as(admin);
      await client.append([await signEntry(entry)]);
    }
    const acknowledged: string[] = [];
    const joins = Array.from({ length: 40 }, async (_, i) => {
      const key = await newSigningKey();
      const record = await makeRecord({ key, grantKey, net, name: `n${i}` });
      using client = as(key);
      await client.publishNode(record);
      acknowledged.push(record);
      if (acknowledged.length === 15) mesh.child.kill("SIGKILL");
    });
    await Promise.allSettled(joins);
    assert.ok(acknowledged.length >= 15);
    await mesh.end();

    mesh = await start(toml);
    await mesh.line(/listens on/);
    using client = as(admin); // the CA is the same
    const stored = new Set(await client.nodes());
    assert.deepEqual(acknowledged.filter((record) => !stored.has(record)), []);
    assert.ok(!mesh.stdout.includes("setup1_"));
    await assert.rejects(client.setup(random(16), ledger.entries), { code: "already_claimed" });
    assert.equal(await mesh.end("SIGINT"), 0);
  });
});

Deno.test("ghostmesh replaces the set-up code at each start and serves the draft to its holder", async () => {
  await inFolder(async ({ dir, start }) => {
    const port = freePort();
    const server = `127.0.0.1:${port}`;
    const toml = TEXT.replace("0.0.0.0:7777", server);
    await Deno.writeTextFile(`${dir}/acls.toml`, OPEN_POLICY);
    const codes: string[] = [];
    for (let n = 0; n < 2; n++) {
      const mesh = await start(toml);
      codes.push((await mesh.line(/--setup (setup1_\S+)\n/))[1]!);
      if (n === 0) await mesh.end("SIGTERM");
    }
    const [old, code] = codes.map((text) => decodeSetupCode(text));
    assert.equal(old!.ca, code!.ca);
    const ca = await pinCa(parseServer(server), code!.ca!);
    using client = new MeshClient({ server, ca, net: "a".repeat(32), key: await newSigningKey(), now, random });
    assert.equal((await client.draft({ setup: code!.secret }))?.source, OPEN_POLICY);
    await assert.rejects(client.draft({ setup: old!.secret }), { code: "bad_setup_code" });
    await assert.rejects(pinCa(parseServer(server), toBase64Url(random(32))), { code: "unauthorized" });
  });
});

Deno.test("ghostmesh refuses to start in one line that names place and mend", async () => {
  await inFolder(async ({ dir, start }) => {
    const port = freePort();
    const toml = TEXT.replace("7777", String(port));
    const refusal = async (text: string, ...args: string[]) => {
      const process = await start(text, ...args);
      assert.equal(await process.end(), 1, process.stderr);
      const lines = process.stderr.trim().split("\n").filter((line) => !line.includes(" warn "));
      assert.equal(lines.length, 1, process.stderr);
      assert.equal(process.stdout, "");
      return lines[0]!;
    };
    assert.match(
      await refusal("[server]\nbnd = 1\n"),
      /^ghostmesh: ghostmesh\.toml:2:1 server\.bnd: Unknown key; did you mean "bind"\?$/,
    );
    assert.match(await refusal(toml, "--config", `${dir}/nowhere.toml`), /nowhere\.toml: No such file$/);
    assert.match(
      await refusal(`${toml}[tls]\ncert = "cert.pem"\nkey = "key.pem"\n`),
      /cert\.pem \(tls\.cert\): No such file/,
    );
    await Deno.writeTextFile(`${dir}/cert.pem`, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await Deno.writeTextFile(`${dir}/key.pem`, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert.match(
      await refusal(`${toml}[tls]\ncert = "cert.pem"\nkey = "key.pem"\n`),
      /Certificate and key are not usable/,
    );
    assert.match(await refusal(toml.replace("0.0.0.0", "192.0.2.1")), /192\.0\.2\.1 is not an address of this machine/);
    const other = Deno.listen({ hostname: "0.0.0.0", port });
    assert.match(await refusal(toml), new RegExp(`ghostmesh\\.toml server\\.bind: 0\\.0\\.0\\.0:${port} is in use`));
    other.close();
    const mesh = await start(toml);
    await mesh.line(/listens on/);
    assert.match(await refusal(toml), /state: Another ghostmesh runs with this state folder; stop it first/);
  });
});

Deno.test("ghostmesh serves without TLS on loopback only, and answers --version and --help", async () => {
  await inFolder(async ({ dir, start }) => {
    const mesh = await start('[server]\nbind = "127.0.0.1:0"\ntls = "off"\n');
    const [, url] = await mesh.line(/listens on (http:\/\/127\.0\.0\.1:\d+)\n/);
    const response = await fetch(`${url}/healthz`);
    assert.deepEqual(await response.json(), { ok: true });
    const [, code] = await mesh.line(/--server http:\/\/127\.0\.0\.1:\d+ --setup (setup1_\S+)\n/);
    assert.equal(decodeSetupCode(code!).ca, undefined);
    for (const [flag, pattern] of [["--version", /^\d+\.\d+\.\d+\n$/], ["--help", /--state-dir/]] as const) {
      const process = new Process(dir, [flag]);
      assert.equal(await process.end(), 0);
      assert.match(process.stdout, pattern);
    }
    const wrong = new Process(dir, ["--confg", "x"]);
    assert.equal(await wrong.end(), 2);
    assert.match(wrong.stderr, /--config/);
  });
});
