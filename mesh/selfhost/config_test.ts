import assert from "node:assert/strict";
import { GhostError } from "../wire/errors.ts";
import { isLoopback, loadMeshConfig, type MeshConfig } from "./config.ts";

async function load(text: string): Promise<MeshConfig> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/ghostmesh.toml`, text);
    const config = await loadMeshConfig(`${dir}/ghostmesh.toml`);
    return JSON.parse(JSON.stringify(config).replaceAll(dir, "DIR"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function fault(text: string): Promise<string> {
  try {
    await load(text);
  } catch (error) {
    if (error instanceof GhostError) return `${error.code} ${error.line.replace(/^.*ghostmesh\.toml/, "")}`;
    throw error;
  }
  throw new Error("It was taken");
}

Deno.test("loadMeshConfig() takes the short file as it stands, and no file at all", async () => {
  const text = '[server]\nbind = "0.0.0.0:7777"\nauth_method = "oidc"\nacl_file = "acls.toml"\n';
  assert.deepEqual(await load(text), {
    file: "DIR/ghostmesh.toml",
    bind: { hostname: "0.0.0.0", port: 7777 },
    authMethods: ["oidc"],
    aclFile: "DIR/acls.toml",
    names: [],
    tls: { kind: "own" },
    trustedProxy: [],
  });
  const none = await loadMeshConfig(undefined);
  assert.deepEqual([none.bind, none.authMethods, none.aclFile], [
    { hostname: "0.0.0.0", port: 7777 },
    ["static"],
    undefined,
  ]);
});

Deno.test("loadMeshConfig() resolves paths against the file, and takes lists, names and a store", async () => {
  const config = await load(`[server]
bind = "[::]:443"
auth_method = ["static", "mtls"]
names = ["mesh.example.com", "192.0.2.1"]
[tls]
cert = "tls/cert.pem"
key = "/etc/key.pem"
[store]
url = "https://kv.example.com"
`);
  assert.deepEqual(config.tls, { kind: "files", cert: "DIR/tls/cert.pem", key: "/etc/key.pem" });
  assert.deepEqual(config.bind, { hostname: "::", port: 443 });
  assert.equal(config.storeUrl, "https://kv.example.com");
});

Deno.test("loadMeshConfig() names the place of a fault", async () => {
  assert.match(await fault('[server]\nbnd = "0.0.0.0:1"\n'), /^bad_config :2:1 server\.bnd: .*"bind"/);
  assert.match(
    await fault('[server]\nbind = "7777"\n'),
    /^bad_config :2:1 server\.bind: Expected an address and a port/,
  );
  assert.match(await fault('[server]\nbind = "0.0.0.0:70000"\n'), /server\.bind/);
  assert.match(
    await fault('[server]\nauth_method = "ldap"\n'),
    /server\.auth_method: Unknown; known are: static, oidc, mtls/,
  );
  assert.match(await fault("[server]\nacl_file = 7\n"), /^bad_config :2:1 server\.acl_file/);
  assert.match(await fault('[tls]\ncert = "c.pem"\n'), /tls\.key: Missing/);
  assert.match(await fault('[store]\nurl = "ftp://x"\n'), /store\.url/);
});

Deno.test("loadMeshConfig() serves in the clear only on loopback or behind a named proxy", async () => {
  assert.match(await fault('[server]\ntls = "off"\n'), /server\.tls.*in the clear/);
  assert.match(await fault('tls = "off"\n'), /:1:1 tls: Expected a section \[tls\].*belongs in \[server\]/);
  assert.match(await fault('[tls]\ncret = "c.pem"\n'), /:2:1 tls\.cret: Unknown key; did you mean "cert"/);
  assert.match(await fault('[server]\ntls = "on"\n'), /server\.tls: Expected "off"/);
  assert.match(
    await fault('[server]\nbind = "127.0.0.1:80"\ntls = "off"\n[tls]\ncert = "c"\nkey = "k"\n'),
    /contradict/,
  );
  assert.deepEqual((await load('[server]\nbind = "127.0.0.1:80"\ntls = "off"\n')).tls, { kind: "off" });
  assert.deepEqual((await load('[server]\ntls = "off"\ntrusted_proxy = "10.0.0.1/32"\n')).tls, { kind: "off" });
  assert.match(await fault('[server]\ntrusted_proxy = "10.0.0.300/32"\n'), /server\.trusted_proxy/);
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) assert.ok(isLoopback(address), address);
  for (const address of ["0.0.0.0", "::", "192.0.2.1", "::2"]) assert.ok(!isLoopback(address), address);
});

Deno.test("loadMeshConfig() takes a header for certificates only with the proxy that sends it", async () => {
  const header = 'client_certificate_header = "X-Forwarded-Client-Cert"\n';
  assert.match(await fault(`[server]\n${header}`), /client_certificate_header: Without a trusted proxy/);
  const { trustedProxy, certificateHeader } = await load(
    `[server]\ntrusted_proxy = ["10.0.0.1/32", "::1/128"]\n${header}`,
  );
  assert.deepEqual([trustedProxy, certificateHeader], [["10.0.0.1/32", "::1/128"], "x-forwarded-client-cert"]);
  const other = '[server]\ntrusted_proxy = "10.0.0.1/32"\nclient_certificate_header = "x-user"\n';
  assert.match(await fault(other), /Unknown; known are: client-cert, x-forwarded-client-cert/);
});
