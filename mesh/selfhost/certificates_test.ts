import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { MESH_TLS_NAME } from "../wire/api.ts";
import type { Bytes } from "../wire/encoding.ts";
import { ownCertificates } from "./certificates.ts";

const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));
const YEAR = 365 * 86_400_000;

Deno.test("ownCertificates() makes a CA once and keeps the leaf until names or time ask for another", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const now = Date.now();
    const at = (later: number, names = ["Mesh.example.com", "192.0.2.1", "2001:DB8::1"]) =>
      ownCertificates(dir, { names, now: now + later, random });
    const first = await at(0);
    const [leaf, ca] = first.cert.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)!.map((p) =>
      new X509Certificate(p)
    );
    assert.ok(leaf!.verify(ca!.publicKey) && leaf!.checkIssued(ca!));
    assert.ok(ca!.ca && !leaf!.ca);
    assert.ok(ca!.validToDate.getTime() - now > 9.9 * YEAR);
    for (const name of [MESH_TLS_NAME, "localhost", "mesh.example.com"]) assert.ok(leaf!.checkHost(name), name);
    for (const address of ["127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"]) assert.ok(leaf!.checkIP(address), address);
    for (const name of ["ca.pem", "tls.pem"]) assert.equal((await Deno.stat(`${dir}/${name}`)).mode! & 0o777, 0o600);

    assert.deepEqual(await at(0), first);
    const renamed = await at(0, ["other.example.com"]);
    assert.notEqual(renamed.cert, first.cert);
    assert.equal(renamed.caHash, first.caHash);
    assert.equal((await at(0.5 * YEAR, ["other.example.com"])).cert, renamed.cert);
    const renewed = await at(2 * YEAR, ["other.example.com"]);
    assert.notEqual(renewed.cert, renamed.cert);
    assert.equal(renewed.caHash, first.caHash);

    await Deno.writeTextFile(`${dir}/ca.pem`, "broken");
    await assert.rejects(at(0), { code: "bad_config", place: `${dir}/ca.pem` });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("ownCertificates() satisfies a client that trusts the CA and asks for the one name", async () => {
  const dir = await Deno.makeTempDir();
  const { cert, key } = await ownCertificates(dir, { names: [], now: Date.now(), random });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen() {} }, () => new Response("ok"));
  try {
    const ca = cert.slice(cert.lastIndexOf("-----BEGIN"));
    const authorized = await new Promise<boolean>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: server.addr.port, servername: MESH_TLS_NAME, ca }, () => {
        resolve(socket.authorized);
        socket.destroy();
      });
      socket.on("error", reject);
    });
    assert.ok(authorized);
  } finally {
    await server.shutdown();
    await Deno.remove(dir, { recursive: true });
  }
});
