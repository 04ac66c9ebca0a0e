/** For tests: a CA and a leaf as a coordinator makes them for itself. */
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { MESH_TLS_NAME } from "../wire/api.ts";
import { toBase64Url } from "../wire/encoding.ts";

/** What a TLS server needs, and what its clients pin. */
export interface TestTls {
  /** Chain: leaf, then CA. */
  cert: string;
  key: string;
  ca: string;
  /** base64url SHA-256 of the CA's DER. */
  hash: string;
}

/** A fresh CA and leaf for `name`. */
export async function makeTestTls(name: string = MESH_TLS_NAME): Promise<TestTls> {
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = () => crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const dates = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const caKeys = await pair();
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Test CA",
    keys: caKeys,
    signingAlgorithm,
    ...dates,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const leafKeys = await pair();
  const leaf = await X509CertificateGenerator.create({
    subject: "CN=Test",
    issuer: ca.subject,
    publicKey: leafKeys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm,
    ...dates,
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const pem = (cert: X509Certificate) => `${cert.toString("pem")}\n`;
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", leafKeys.privateKey));
  return {
    cert: pem(leaf) + pem(ca),
    key: `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...pkcs8))}\n-----END PRIVATE KEY-----\n`,
    ca: pem(ca),
    hash: toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", ca.rawData))),
  };
}
