/**
 * Certificate authorities for tests, made by the openssl command: it is what most who run a CA of their own use, and nothing
 * in it is shared with the code under test. Everything lies in a temporary folder that `close()` removes.
 */
import assert from "node:assert/strict";

export type KeyType = "P-256" | "P-384" | "RSA" | "RSA-1024" | "P-521" | "Ed25519";

const KEYS: Record<KeyType, string[]> = {
  "P-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "P-384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  "P-521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  "RSA": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  "RSA-1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
  "Ed25519": ["-algorithm", "ED25519"],
};

/** What a certificate is to say. */
export interface Wish {
  /** As openssl writes it: `/O=Office/CN=ann`. */
  subject: string;
  /** Lines of an extension section. */
  extensions: string[];
  key?: KeyType;
  /** Seconds since 1970. */
  from?: number;
  until?: number;
  digest?: string;
}

/** A certificate with its key, both PEM. */
export interface Issued {
  cert: string;
  key: string;
  /** Files with the same. */
  certFile: string;
  keyFile: string;
}

export const CA_EXTENSIONS = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
export const LEAF_EXTENSIONS = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=clientAuth",
];

/** A folder in which openssl works. `now`, in seconds, is when certificates begin and end around unless they say otherwise. */
export class OpenSsl {
  readonly dir: string;
  readonly now: number;
  #count = 0;

  private constructor(dir: string, now: number) {
    this.dir = dir;
    this.now = now;
  }

  static async open(now: number): Promise<OpenSsl> {
    return new OpenSsl(await Deno.makeTempDir(), now);
  }

  async close(): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }

  /** Runs openssl; its output, or null when it refuses and `mayFail` is set. */
  async run(args: string[], mayFail = false): Promise<string | null> {
    const command = new Deno.Command("openssl", { args, cwd: this.dir, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    if (!success && mayFail) return null;
    assert.ok(success, `openssl ${args.join(" ")}\n${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }

  file(name: string): string {
    return `${this.dir}/${name}`;
  }

  nextName(): string {
    return `c${this.#count++}`;
  }

  async newKey(name: string, type: KeyType): Promise<string> {
    const file = this.file(`${name}.key`);
    await this.run(["genpkey", ...KEYS[type], "-out", file]);
    return file;
  }

  /** A CA that signed itself. */
  async root(wish: Partial<Wish> = {}): Promise<Authority> {
    const name = this.nextName();
    const keyFile = await this.newKey(name, wish.key ?? "P-256");
    const authority = await Authority.open(this, { name, keyFile });
    const full = { subject: "/O=Office/CN=Office CA", extensions: CA_EXTENSIONS, ...wish };
    await authority.sign({ ...full, csrKey: keyFile, out: authority.certFile, self: true });
    return await authority.read();
  }

  /** Whether openssl itself takes a chain for a TLS client, at the time `now`. */
  async verifies(leaf: string, o: { ca: string; untrusted?: string; at?: number }): Promise<boolean> {
    const files = { leaf, ca: o.ca, untrusted: o.untrusted ?? "" };
    const name = this.nextName();
    for (const [part, text] of Object.entries(files)) await Deno.writeTextFile(this.file(`${name}.${part}`), text);
    const untrusted = o.untrusted ? ["-untrusted", this.file(`${name}.untrusted`)] : [];
    const answer = await this.run([
      "verify",
      "-no-CApath",
      "-no-CAstore",
      "-x509_strict",
      "-purpose",
      "sslclient",
      "-attime",
      String(o.at ?? this.now),
      "-CAfile",
      this.file(`${name}.ca`),
      ...untrusted,
      this.file(`${name}.leaf`),
    ], true);
    return answer !== null;
  }
}

/** A CA: the root or one below it. */
export class Authority {
  readonly name: string;
  readonly keyFile: string;
  readonly certFile: string;
  cert = "";
  key = "";
  readonly #ssl: OpenSsl;

  private constructor(ssl: OpenSsl, name: string, keyFile: string) {
    this.#ssl = ssl;
    this.name = name;
    this.keyFile = keyFile;
    this.certFile = ssl.file(`${name}.pem`);
  }

  static async open(ssl: OpenSsl, { name, keyFile }: { name: string; keyFile: string }): Promise<Authority> {
    const authority = new Authority(ssl, name, keyFile);
    await Deno.mkdir(ssl.file(name));
    await Deno.writeTextFile(ssl.file(`${name}/index.txt`), "");
    await Deno.writeTextFile(ssl.file(`${name}/serial`), "0a1b2c3d4e5f6071\n");
    await Deno.writeTextFile(ssl.file(`${name}/crlnumber`), "01\n");
    const lines = [
      "[ca]",
      "default_ca=this",
      "[this]",
      `database=${ssl.file(name)}/index.txt`,
      `serial=${ssl.file(name)}/serial`,
      `crlnumber=${ssl.file(name)}/crlnumber`,
      `new_certs_dir=${ssl.file(name)}`,
      `private_key=${keyFile}`,
      `certificate=${authority.certFile}`,
      "default_md=sha256",
      "default_crl_days=30",
      "unique_subject=no",
      "email_in_dn=yes",
      "policy=any",
      "[any]",
      ...["C", "O", "OU", "CN", "emailAddress"].map((part) => `${part}=optional`),
    ];
    await Deno.writeTextFile(ssl.file(`${name}.cnf`), lines.join("\n"));
    return authority;
  }

  async read(): Promise<Authority> {
    this.cert = await pemOf(this.certFile);
    this.key = await Deno.readTextFile(this.keyFile);
    return this;
  }

  async sign(o: Wish & { csrKey: string; out: string; self?: boolean }): Promise<void> {
    const ssl = this.#ssl;
    const name = ssl.nextName();
    const csr = ssl.file(`${name}.csr`);
    await ssl.run(["req", "-new", "-utf8", "-key", o.csrKey, "-subj", o.subject, "-out", csr]);
    await Deno.writeTextFile(ssl.file(`${name}.ext`), ["[e]", ...o.extensions].join("\n"));
    await ssl.run([
      "ca",
      "-batch",
      "-notext",
      "-utf8",
      "-config",
      ssl.file(`${this.name}.cnf`),
      "-in",
      csr,
      "-out",
      o.out,
      "-startdate",
      stamp(o.from ?? ssl.now - 86_400),
      "-enddate",
      stamp(o.until ?? ssl.now + 30 * 86_400),
      "-extfile",
      ssl.file(`${name}.ext`),
      "-extensions",
      "e",
      ...(o.digest ? ["-md", o.digest] : []),
      ...(o.self ? ["-selfsign"] : []),
    ]);
  }

  /** A CA below this one. */
  async below(wish: Partial<Wish> = {}): Promise<Authority> {
    const name = this.#ssl.nextName();
    const keyFile = await this.#ssl.newKey(name, wish.key ?? "P-256");
    const authority = await Authority.open(this.#ssl, { name, keyFile });
    const full = { subject: "/O=Office/CN=Office intermediate", extensions: CA_EXTENSIONS, ...wish };
    await this.sign({ ...full, csrKey: keyFile, out: authority.certFile });
    return await authority.read();
  }

  /** A certificate for a client, unless the wish says otherwise. */
  async issue(wish: Partial<Wish> = {}): Promise<Issued> {
    const name = this.#ssl.nextName();
    const keyFile = await this.#ssl.newKey(name, wish.key ?? "P-256");
    const certFile = this.#ssl.file(`${name}.pem`);
    const full = { subject: "/O=Office/CN=ann", extensions: LEAF_EXTENSIONS, ...wish };
    await this.sign({ ...full, csrKey: keyFile, out: certFile });
    return { cert: await pemOf(certFile), key: await Deno.readTextFile(keyFile), certFile, keyFile };
  }

  /** Revokes a certificate and gives the CRL that says so. */
  async revoke(certFile: string): Promise<string> {
    const config = ["-config", this.#ssl.file(`${this.name}.cnf`)];
    await this.#ssl.run(["ca", ...config, "-revoke", certFile]);
    return await this.#ssl.run(["ca", ...config, "-gencrl"]) ?? "";
  }
}

async function pemOf(file: string): Promise<string> {
  const text = await Deno.readTextFile(file);
  return text.slice(text.indexOf("-----BEGIN "));
}

/** YYYYMMDDHHMMSSZ */
function stamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, "").slice(0, 14)}Z`;
}
