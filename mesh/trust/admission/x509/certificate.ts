/**
 * Certificates (RFC 5280), decoded into what path validation looks at. Decoding is by the schemas of @peculiar/asn1-x509; what a
 * library would let pass and validation could be misled by is refused here: trailing bytes, an extension that comes twice,
 * a version before 3, two different signature algorithms, constraints that do not survive being encoded again.
 */
import { AsnConvert, AsnUtf8StringConverter, type OctetString } from "@peculiar/asn1-schema";
import {
  BasicConstraints,
  Certificate as AsnCertificate,
  ExtendedKeyUsage,
  type GeneralName,
  KeyUsage,
  type Name,
  NameConstraints,
  SubjectAlternativeName,
} from "@peculiar/asn1-x509";
import { fromBER } from "asn1js";
import ipaddr from "ipaddr.js";
import { type Bytes, equalBytes } from "../../../wire/encoding.ts";

/** Longest certificate that is looked at, in bytes. */
const MAX_CERTIFICATE = 12_288;
const MAX_NAMES = 256;
const MAX_EXTENSIONS = 64;

const OID = {
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extKeyUsage: "2.5.29.37",
  nameConstraints: "2.5.29.30",
  /** What names policies restricts nothing as long as nobody asks for one. */
  certificatePolicies: "2.5.29.32",
  upn: "1.3.6.1.4.1.311.20.2.3",
  commonName: "2.5.4.3",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;
const KNOWN: ReadonlySet<string> = new Set([
  OID.subjectAltName,
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.nameConstraints,
  OID.certificatePolicies,
]);
const V3 = 2;
const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

/** One relative distinguished name: its attributes as `type=value`, compared as RFC 5280 section 7.1 says. */
export type Rdn = readonly string[];

/** One name, or what a constraint says of names of its form. Addresses are bytes, with the mask behind them in constraints. */
export type AnyName =
  | { form: "dns" | "email" | "uri" | "upn"; text: string }
  | { form: "ip"; bytes: Uint8Array }
  | { form: "directory"; rdns: readonly Rdn[] }
  /** Nothing that can be compared; `oid` tells kinds apart. */
  | { form: "other"; oid: string };

/** What a CA says of the names below it. */
export interface Constraints {
  permitted: readonly AnyName[];
  excluded: readonly AnyName[];
}

/** A decoded certificate. */
export interface Certificate {
  der: Bytes;
  /** The signed part, and how it is signed. */
  tbs: Bytes;
  signature: Bytes;
  signatureAlgorithm: { oid: string; parameters: Uint8Array | null };
  spki: Bytes;
  /** Encoded names. */
  issuer: Bytes;
  subject: Bytes;
  /** Lower-case hex without leading zeros. */
  serial: string;
  /** Seconds since 1970; both ends belong to it. */
  notBefore: number;
  notAfter: number;
  ca: boolean;
  pathLength: number | null;
  /** Bits as RFC 5280 numbers them; null: not restricted. */
  keyUsage: { digitalSignature: boolean; keyCertSign: boolean } | null;
  /** Object identifiers; null: not restricted. */
  extKeyUsage: readonly string[] | null;
  /** Alternative names. */
  names: readonly AnyName[];
  /** The subject, and e-mail addresses in it, which name constraints bind as well (section 4.2.1.10). */
  subjectNames: readonly AnyName[];
  commonNames: readonly string[];
  constraints: Constraints | null;
}

/** Decodes one certificate. @throws Error of whatever kind, when it is not one or not one that can be judged */
export function decodeCertificate(der: Bytes): Certificate {
  if (der.length > MAX_CERTIFICATE) throw new Error(`longer than ${MAX_CERTIFICATE} bytes`);
  const asn = AsnConvert.parse(der, AsnCertificate);
  const { tbsCertificate: tbs } = asn;
  if (tbs.version !== V3) throw new Error("not of version 3");
  const algorithm = encode(asn.signatureAlgorithm);
  if (!equalBytes(encode(tbs.signature), algorithm)) throw new Error("it names two signature algorithms");
  const raw = new Uint8Array(asn.tbsCertificateRaw ?? []);
  const signature = new Uint8Array(asn.signatureValue);
  // What is around the signed part is not signed: it has one form.
  if (!equalBytes(der, tagged(SEQUENCE, raw, algorithm, tagged(BIT_STRING, new Uint8Array(1), signature)))) {
    throw new Error("not one DER value");
  }
  const { parameters } = asn.signatureAlgorithm;
  const extensions = readExtensions(tbs.extensions ?? []);
  const read = <T>(oid: string, type: new () => T): T | null => {
    const value = extensions.get(oid);
    return value === undefined ? null : decode(value, type);
  };
  const basic = read(OID.basicConstraints, BasicConstraints);
  const usage = read(OID.keyUsage, KeyUsage);
  const extended = read(OID.extKeyUsage, ExtendedKeyUsage);
  const subject = attributesOf(tbs.subject);
  return {
    der,
    tbs: raw,
    signature,
    signatureAlgorithm: {
      oid: asn.signatureAlgorithm.algorithm,
      parameters: parameters ? new Uint8Array(parameters) : null,
    },
    spki: encode(tbs.subjectPublicKeyInfo),
    issuer: encode(tbs.issuer),
    subject: encode(tbs.subject),
    serial: serialOf(tbs.serialNumber),
    notBefore: secondsOf(tbs.validity.notBefore),
    notAfter: secondsOf(tbs.validity.notAfter),
    ca: basic?.cA ?? false,
    pathLength: basic?.pathLenConstraint ?? null,
    keyUsage: usage && bitsOf(usage),
    extKeyUsage: extended && [...extended],
    names: [...read(OID.subjectAltName, SubjectAlternativeName) ?? []].slice(0, MAX_NAMES + 1).map(nameOf),
    subjectNames: [
      ...(tbs.subject.length > 0 ? [{ form: "directory", rdns: rdnsOf(tbs.subject) } as const] : []),
      ...subject.filter(([type]) => type === OID.emailAddress).map(([, text]) => ({ form: "email", text } as const)),
    ],
    commonNames: subject.filter(([type]) => type === OID.commonName).map(([, value]) => value),
    constraints: readConstraints(extensions.get(OID.nameConstraints)),
  };
}

/** A DER value of these contents (X.690 section 10.1: the shortest form of the length). */
function tagged(tag: number, ...parts: Uint8Array[]): Bytes {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return new Uint8Array([tag, ...length, ...parts.flatMap((part) => [...part])]);
}

function encode(value: unknown): Bytes {
  return new Uint8Array(AsnConvert.serialize(value));
}

function decode<T>(value: Bytes, type: new () => T): T {
  if (fromBER(value).offset !== value.length) throw new Error("an extension has more than its value");
  return AsnConvert.parse(value, type);
}

/** Extensions by their object identifier. @throws Error for one that is critical and unknown, or comes twice */
function readExtensions(
  list: Iterable<{ extnID: string; critical: boolean; extnValue: OctetString }>,
): Map<string, Bytes> {
  const found = new Map<string, Bytes>();
  for (const { extnID, critical, extnValue } of list) {
    if (found.has(extnID)) throw new Error(`the extension ${extnID} comes twice`);
    if (critical && !KNOWN.has(extnID)) throw new Error(`the extension ${extnID} is critical and not known here`);
    if (found.size >= MAX_EXTENSIONS) throw new Error("too many extensions");
    found.set(extnID, new Uint8Array(extnValue.buffer.slice(0)));
  }
  return found;
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A serial number as revocations name it. */
export function serialOf(number: ArrayBuffer): string {
  const hex = toHex(new Uint8Array(number));
  if (hex.length > 64) throw new Error("the serial number is too long");
  return hex.replace(/^0+(?=.)/, "");
}

function secondsOf(time: { getTime(): Date }): number {
  const seconds = Math.floor(time.getTime().getTime() / 1000);
  if (!Number.isSafeInteger(seconds)) throw new Error("a time cannot be read");
  return seconds;
}

function bitsOf(usage: KeyUsage): NonNullable<Certificate["keyUsage"]> {
  const names = usage.toJSON();
  return { digitalSignature: names.includes("digitalSignature"), keyCertSign: names.includes("keyCertSign") };
}

function attributesOf(name: Name): [string, string][] {
  return [...name].flatMap((rdn) => [...rdn].map(({ type, value }): [string, string] => [type, value.toString()]));
}

/** Names that differ in case or white space alone are one name. */
function rdnsOf(name: Name): Rdn[] {
  if (name.length > MAX_NAMES) throw new Error("too many parts in a name");
  return [...name].map((rdn) =>
    [...rdn].map(({ type, value }) =>
      `${type}=${value.toString().normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase()}`
    ).sort()
  );
}

function nameOf(name: GeneralName, index: number): AnyName {
  if (index >= MAX_NAMES) throw new Error("too many names");
  if (name.dNSName !== undefined) return { form: "dns", text: name.dNSName };
  if (name.rfc822Name !== undefined) return { form: "email", text: name.rfc822Name };
  if (name.uniformResourceIdentifier !== undefined) return { form: "uri", text: name.uniformResourceIdentifier };
  if (name.iPAddress !== undefined) return { form: "ip", bytes: addressOf(name.iPAddress) };
  if (name.directoryName !== undefined) return { form: "directory", rdns: rdnsOf(name.directoryName) };
  if (name.otherName !== undefined) {
    const { typeId, value } = name.otherName;
    if (typeId !== OID.upn) return { form: "other", oid: typeId };
    return { form: "upn", text: AsnUtf8StringConverter.fromASN(fromBER(value).result as never) };
  }
  const kind = ["x400Address", "ediPartyName", "registeredID"].find((key) => name[key as keyof GeneralName]);
  return { form: "other", oid: kind ?? "unknown" };
}

/** Bytes of an address as the library shows it: `192.0.2.1`, or in constraints `192.0.2.0/24`. */
function addressOf(text: string): Uint8Array {
  const [address, length] = text.split("/");
  const parsed = ipaddr.parse(address!);
  const bytes = parsed.toByteArray();
  if (length === undefined) return new Uint8Array(bytes);
  const mask = bytes.map((_, i) => (0xff << (8 - Math.min(8, Math.max(0, Number(length) - 8 * i)))) & 0xff);
  return new Uint8Array([...bytes, ...mask]);
}

function readConstraints(value: Bytes | undefined): Constraints | null {
  if (value === undefined) return null;
  const asn = decode(value, NameConstraints);
  // What the decoder would round off (masks with holes, distances that are not the default's) is seen by encoding again.
  if (!equalBytes(encode(asn), value)) throw new Error("its name constraints cannot be read exactly");
  const subtrees = [...asn.permittedSubtrees ?? [], ...asn.excludedSubtrees ?? []];
  if (subtrees.length > MAX_NAMES) throw new Error("too many name constraints");
  if (subtrees.some(({ minimum, maximum }) => minimum !== 0 || maximum !== undefined)) {
    throw new Error("its name constraints have distances, which RFC 5280 rules out");
  }
  return {
    permitted: [...asn.permittedSubtrees ?? []].map(({ base }, i) => nameOf(base, i)),
    excluded: [...asn.excludedSubtrees ?? []].map(({ base }, i) => nameOf(base, i)),
  };
}
