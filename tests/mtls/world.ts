/** A coordinator of its own with a founded network, and a CA that openssl made, which its policy names. */
import assert from "node:assert/strict";
import { type CertificateJoin, joinByCertificate } from "../../link/host/login/mtls.ts";
import { NodeState } from "../../link/host/state.ts";
import { MeshClient, pinCa } from "../../mesh/client/mod.ts";
import { createLog } from "../../mesh/host/log.ts";
import { loadMeshConfig } from "../../mesh/selfhost/config.ts";
import { runMesh } from "../../mesh/selfhost/run.ts";
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { Ledger, signEntry } from "../../mesh/trust/ledger.ts";
import { type Authority, LEAF_EXTENSIONS, OpenSsl } from "../../mesh/trust/testdata/openssl.ts";
import { plainGenesis } from "../../mesh/trust/testdata/plain.ts";
import { toBase64Url } from "../../mesh/wire/encoding.ts";
import type { LedgerBody } from "../../mesh/wire/ledger.ts";
import { decodeSetupCode } from "../../mesh/wire/token.ts";

/** Bytes for keys. */
export const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
/** ms, and below seconds, since 1970. */
export const now = () => Date.now();
export const seconds = () => Math.floor(now() / 1000);
/** What a certificate of the user Ann has. */
export const ANN = { extensions: [...LEAF_EXTENSIONS, "subjectAltName=email:ann@example.com"] };
/** The policy in force; `office-ca.pem` is the CA. */
export const POLICY = `[tags]
office = []
[[allow]]
from = ["*"]
to = ["*"]
[[admit]]
method = "mtls"
ca = "office-ca.pem"
user = "san:email"
tags = ["tag:office"]
`;

/** What a test gets. */
export interface World {
  dir: string;
  ssl: OpenSsl;
  ca: Authority;
  server: string;
  net: string;
  /** The coordinator's CA. */
  pin: string;
  admin: MeshClient;
  ledger: Ledger;
  append<K extends "policy" | "revoke">(kind: K, body: LedgerBody<K>): Promise<void>;
  join(change?: Partial<CertificateJoin>, name?: string): Promise<NodeState>;
}

/** A coordinator of its own with a founded network whose policy has a CA. `settings` are lines of [server]. */
export async function world(settings: string, run: (w: World) => Promise<void>): Promise<void> {
  const ssl = await OpenSsl.open(seconds());
  const { dir } = ssl;
  const stop = new AbortController();
  const told: string[] = [];
  const listening = Promise.withResolvers<string>();
  const code = Promise.withResolvers<string>();
  const say = (line: string) => {
    told.push(line);
    const [, port] = /listens on https?:\/\/[^ ]*:(\d+)$/.exec(line) ?? [];
    if (port) listening.resolve(port);
    const [, secret] = /--setup (\S+)/.exec(line) ?? [];
    if (secret) code.resolve(secret);
  };
  await Deno.writeTextFile(`${dir}/ghostmesh.toml`, `[server]\nbind = "127.0.0.1:0"\n${settings}`);
  const config = await loadMeshConfig(`${dir}/ghostmesh.toml`);
  await Deno.mkdir(`${dir}/mesh`, { mode: 0o700 });
  const log = createLog("ghostmesh", { write: (line) => told.push(line) });
  const running = runMesh(config, { dir: `${dir}/mesh`, log, say, signal: stop.signal, random });
  const failed = running.then(() => assert.fail("ended"));
  failed.catch(() => {});
  let admin: MeshClient | undefined;
  try {
    const ca = await ssl.root({ subject: "/O=Office/CN=Office CA" });
    const scheme = config.tls.kind === "off" ? "http" : "https";
    const server = `${scheme}://127.0.0.1:${await Promise.race([listening.promise, failed])}`;
    const setup = decodeSetupCode(await code.promise);
    const pin = setup.ca === undefined ? "" : await pinCa(new URL(server), setup.ca);
    const key = await signingKeyFromSeed(random(32));
    const genesis = plainGenesis("home", key.public, toBase64Url(random(32)));
    const ledger = await Ledger.open([
      await signEntry({ ledger: null, admin: key, kind: "genesis", body: genesis, iat: seconds() }),
    ]);
    const policy = { format: "toml" as const, source: POLICY, files: { "office-ca.pem": ca.cert } };
    await ledger.append(await signEntry({ ledger, admin: key, kind: "policy", body: policy, iat: seconds() }));
    const net = ledger.network.id;
    admin = new MeshClient({ server, ca: pin || null, net, key, now, random });
    await admin.setup(setup.secret, ledger.entries);
    const w: World = {
      dir,
      ssl,
      ca,
      server,
      net,
      pin,
      admin,
      ledger,
      async append(kind, body) {
        const entry = await signEntry({ ledger, admin: key, kind, body, iat: seconds() });
        await admin!.append([entry]);
        await ledger.append(entry);
      },
      async join(change = {}, name = "pc") {
        const state = new NodeState(await Deno.makeTempDir({ dir, prefix: name }));
        await joinByCertificate(state, {
          server: `${server}#${net}`,
          network: undefined,
          files: { cert: "", key: "" },
          name,
          machine: { hostname: name, os: "linux", version: "0.1.0" },
          confirm: null,
          random,
          now,
          ...change,
        });
        return state;
      },
    };
    await run(w);
  } catch (error) {
    console.error(told.join("\n"));
    throw error;
  } finally {
    admin?.close();
    stop.abort();
    await running;
    await ssl.close();
  }
}

/** What ghostlink is told of a certificate. */
export const files = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
  cert: certFile,
  key: keyFile,
});
