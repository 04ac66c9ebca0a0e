import assert from "node:assert/strict";
import { encodeBase64 } from "@std/encoding/base64.js";
import { clientCertificate, isWithin, type ProxyOptions } from "./client_certificate.ts";

const DER = new Uint8Array([0x30, 3, 2, 1, 5]);
const OTHER = new Uint8Array([0x30, 3, 2, 1, 6]);
const PEM = `-----BEGIN CERTIFICATE-----\n${encodeBase64(DER)}\n-----END CERTIFICATE-----\n`;
const clientCert = { "client-cert": `:${encodeBase64(DER)}:` };
const forwarded = { "x-forwarded-client-cert": `By=spiffe://x;Cert="${encodeURIComponent(PEM)}";URI="a,b;c"` };
const proxy: ProxyOptions = { trustedProxy: ["10.0.0.1/32", "2001:db8::/64"], header: "client-cert" };

Deno.test("clientCertificate() believes a header only of the proxy, and only the one that is named (attack 19)", () => {
  const seen = (headers: Record<string, string>, address: string, o = proxy) =>
    clientCertificate(new Headers(headers), { address, certificate: null }, o);
  assert.deepEqual(seen(clientCert, "10.0.0.1"), DER);
  assert.deepEqual(seen(clientCert, "::ffff:10.0.0.1"), DER);
  assert.deepEqual(seen(clientCert, "2001:db8::7"), DER);
  for (const address of ["10.0.0.2", "127.0.0.1", "::1", "::ffff:10.0.0.2", "2001:db9::7", "", "10.0.0.1, 10.0.0.2"]) {
    assert.equal(seen(clientCert, address), null, address);
  }
  // What TLS itself showed is not changed by a header from elsewhere.
  const tls = { address: "192.0.2.1", certificate: OTHER };
  assert.deepEqual(clientCertificate(new Headers(clientCert), tls, proxy), OTHER);
  // Nor is the proxy's own certificate taken for a client's.
  const own = { address: "10.0.0.1", certificate: OTHER };
  assert.equal(clientCertificate(new Headers(), own, proxy), null);
  assert.equal(clientCertificate(new Headers(clientCert), own, { ...proxy, header: undefined }), undefined);
  assert.equal(seen(forwarded, "10.0.0.1"), null);
  assert.equal(seen(clientCert, "10.0.0.1", { ...proxy, header: "x-forwarded-client-cert" }), null);
  assert.deepEqual(seen(forwarded, "10.0.0.1", { ...proxy, header: "x-forwarded-client-cert" }), DER);
});

Deno.test("clientCertificate() takes the nearest hop's element, and nothing out of form", () => {
  const read = (header: NonNullable<ProxyOptions["header"]>, value: string) =>
    clientCertificate(new Headers({ [header]: value }), { address: "10.0.0.1", certificate: undefined }, {
      ...proxy,
      header,
    });
  const other = encodeURIComponent(PEM.replace(encodeBase64(DER), encodeBase64(OTHER)));
  assert.deepEqual(read("x-forwarded-client-cert", `Cert="${other}",${forwarded["x-forwarded-client-cert"]}`), DER);
  for (const value of ["x", `Cert="%zz"`, `Cert="${other}",Hash=00`, `Cert="-----BEGIN CERTIFICATE-----"`]) {
    assert.equal(read("x-forwarded-client-cert", value), null, value);
  }
  for (
    const value of [
      encodeBase64(DER),
      ":!:",
      ":MAMCAQ:",
      `${clientCert["client-cert"]}, :AAAA:`,
      `:${"A".repeat(40_000)}:`,
    ]
  ) {
    assert.equal(read("client-cert", value), null, value.slice(0, 40));
  }
});

Deno.test("isWithin() knows an address in every spelling", () => {
  assert.ok(isWithin("127.0.0.1", ["127.0.0.0/8"]));
  assert.ok(isWithin("fe80::1%eth0", ["fe80::/10"]));
  assert.ok(!isWithin("127.0.0.1", ["::/0"]));
  assert.ok(!isWithin("localhost", ["127.0.0.0/8"]));
  assert.ok(!isWithin("127.0.0.1", []));
});
