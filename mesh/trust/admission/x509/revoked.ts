/**
 * Revoked certificates, named by issuer and serial number: `SHA-256 of the issuer's encoded name : serial`, in lower-case hex. Policies list
 * such names or whole CRLs (RFC 5280 section 5); the ledger's `revoke` entries hold one name each.
 *
 * A CRL counts because an admin signed it with the policy; its own signature and its nextUpdate are not looked at, so an old
 * one goes on revoking. A CRL whose entries name other issuers than its own (indirect, section 5.3.3) is refused.
 */
import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificateList } from "@peculiar/asn1-x509";
import type { Bytes } from "../../../wire/encoding.ts";
import { sha256 } from "../../keys.ts";
import { type Certificate, serialOf, toHex } from "./certificate.ts";
import { readPem } from "./pem.ts";

const MAX_ENTRIES = 100_000;
const CERTIFICATE_ISSUER = "2.5.29.29";
const REASON = "2.5.29.21";
const REMOVED = 8;

/** The name by which this certificate can be revoked. */
export async function revocationName({ issuer, serial }: Pick<Certificate, "issuer" | "serial">): Promise<string> {
  return `${toHex(await sha256(issuer))}:${serial}`;
}

/** All that a policy's `crl` list revokes. @throws Error when a CRL cannot be read */
export async function readRevoked(list: readonly string[]): Promise<ReadonlySet<string>> {
  const revoked = new Set<string>();
  for (const item of list) {
    if (!item.includes("-----BEGIN ")) {
      const [issuer, serial = ""] = item.toLowerCase().split(":");
      revoked.add(`${issuer}:${serial.replace(/^0+(?=.)/, "")}`);
      continue;
    }
    const lists = readPem(item, "X509 CRL");
    if (lists.length === 0) throw new Error("no CRL in it");
    for (const der of lists) await addAll(revoked, der);
  }
  return revoked;
}

async function addAll(revoked: Set<string>, der: Bytes): Promise<void> {
  const { tbsCertList: list } = AsnConvert.parse(der, CertificateList);
  const issuer = toHex(await sha256(new Uint8Array(AsnConvert.serialize(list.issuer))));
  const entries = list.revokedCertificates ?? [];
  if (revoked.size + entries.length > MAX_ENTRIES) throw new Error(`more than ${MAX_ENTRIES} revoked certificates`);
  for (const { userCertificate, crlEntryExtensions = [] } of entries) {
    if (crlEntryExtensions.some(({ extnID }) => extnID === CERTIFICATE_ISSUER)) throw new Error("an indirect CRL");
    const reason = crlEntryExtensions.find(({ extnID }) => extnID === REASON)?.extnValue.buffer;
    if (reason && new Uint8Array(reason).at(-1) === REMOVED) continue; // removeFromCRL: no longer on hold
    revoked.add(`${issuer}:${serialOf(userCertificate)}`);
  }
}
