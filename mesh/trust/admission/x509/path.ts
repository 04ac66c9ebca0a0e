/**
 * Path validation, RFC 5280 section 6.1, from a pinned CA down to the leaf. There is no path building: a proof gives its chain in order,
 * leaf first, and it ends at a pinned CA or below one. Stricter than the RFC where strictness costs nothing: the pinned CA has
 * to be in its validity too, extended key usages of CAs restrict what is below them, and the leaf has to be made for client
 * authentication. Policies (section 6.1.3 d to f) are not processed; an extension that would demand it is critical, so refused.
 */
import { equalBytes } from "../../../wire/encoding.ts";
import { GhostError } from "../../../wire/errors.ts";
import type { AnyName, Certificate } from "./certificate.ts";
import { violation } from "./names.ts";
import { isSignedBy } from "./signature.ts";

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_USAGE = "2.5.29.37.0";

/** What a chain is judged by. */
export interface PathOptions {
  anchors: readonly Certificate[];
  /** All certificates of the path are valid at each of these times, in seconds. */
  times: readonly number[];
  /** Names that the leaf is used by beyond what it calls names, such as a common name. */
  also: readonly AnyName[];
  place: string;
}

/**
 * Checks a chain, leaf first.
 * @returns the path that was checked, the pinned CA first and the leaf last
 * @throws GhostError `not_admitted`
 */
export async function validatePath(chain: readonly Certificate[], o: PathOptions): Promise<readonly Certificate[]> {
  const path = await attempt(o.place, () => findPath(chain, o));
  for (const [i, certificate] of path.entries()) {
    const place = placeOf(o.place, path.length - 1 - i);
    checkTimes(certificate, { times: o.times, place });
    if (i > 0) await checkSignature(certificate, path[i - 1]!, place);
    if (i < path.length - 1) checkCa(certificate, { below: path.slice(i + 1, -1), place });
    else checkLeaf(certificate, place);
  }
  checkNames(path, o);
  return path;
}

function placeOf(place: string, index: number): string {
  return `${place}.chain[${index}]`;
}

/** The chain up to the first certificate that is pinned or that a pinned one issued. */
async function findPath(chain: readonly Certificate[], { anchors, place }: PathOptions): Promise<Certificate[]> {
  const path: Certificate[] = [];
  for (const [i, certificate] of chain.entries()) {
    const pinned = anchors.find(({ der }) => equalBytes(der, certificate.der));
    if (pinned && i > 0) return [pinned, ...path];
    path.unshift(certificate);
    // Two CAs may have one name: the one that signed is it.
    for (const anchor of anchors) {
      if (equalBytes(anchor.subject, certificate.issuer) && await isSignedBy(certificate, anchor)) {
        return [anchor, ...path];
      }
    }
    const next = chain[i + 1];
    if (next && !equalBytes(certificate.issuer, next.subject)) {
      throw refused("Not issued by the next certificate of the chain", placeOf(place, i), ORDER);
    }
  }
  throw refused("The chain leads to no CA that the policy names", `${place}.chain`, ORDER);
}

const ORDER =
  "give the certificate and then its intermediates, each issued by the next, the last by a CA of the policy";

async function checkSignature(certificate: Certificate, issuer: Certificate, place: string): Promise<void> {
  if (await attempt(place, () => isSignedBy(certificate, issuer))) return;
  throw refused("Not signed by the key of its issuer", place);
}

function checkTimes(
  { notBefore, notAfter }: Certificate,
  { times, place }: { times: readonly number[]; place: string },
): void {
  for (const time of times) {
    if (time < notBefore) throw refused(`Not valid before ${shown(notBefore)}`, place);
    if (time > notAfter) {
      throw new GhostError("not_admitted", `Expired at ${shown(notAfter)}`, { place, mend: "get a new certificate" });
    }
  }
}

function shown(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** `below` are the CAs between this one and the leaf. */
function checkCa(
  { ca, keyUsage, extKeyUsage, pathLength }: Certificate,
  { below, place }: { below: readonly Certificate[]; place: string },
): void {
  if (!ca) throw refused("Issued another certificate without being a CA (basicConstraints)", place);
  if (keyUsage && !keyUsage.keyCertSign) {
    throw refused("Issued another certificate, which its keyUsage does not allow", place);
  }
  if (extKeyUsage && !extKeyUsage.includes(CLIENT_AUTH) && !extKeyUsage.includes(ANY_USAGE)) {
    throw refused("A CA whose extendedKeyUsage has no clientAuth", place);
  }
  if (pathLength !== null && below.filter((c) => !selfIssued(c)).length > pathLength) {
    throw refused(`A CA that allows ${pathLength} more below it (pathlen), and there are more`, place);
  }
}

function checkLeaf({ ca, keyUsage, extKeyUsage }: Certificate, place: string): void {
  if (ca) throw refused("A CA's own certificate admits no machine", place);
  if (keyUsage && !keyUsage.digitalSignature) {
    throw refused("Its keyUsage does not allow digitalSignature", place);
  }
  if (!extKeyUsage?.includes(CLIENT_AUTH)) {
    const mend = "have one issued with extendedKeyUsage = clientAuth";
    throw refused("Not made for client authentication (extendedKeyUsage)", place, mend);
  }
}

function selfIssued({ issuer, subject }: Certificate): boolean {
  return equalBytes(issuer, subject);
}

/** What each CA says of names holds for everything below it; of those that issued themselves only for the leaf. */
function checkNames(path: readonly Certificate[], { also, place }: PathOptions): void {
  for (const [i, { constraints }] of path.entries()) {
    if (!constraints) continue;
    for (const [j, below] of path.entries()) {
      const leaf = j === path.length - 1;
      if (j <= i || (!leaf && selfIssued(below))) continue;
      for (const name of [...below.names, ...below.subjectNames, ...(leaf ? also : [])]) {
        const why = violation(name, constraints);
        if (why === null) continue;
        throw refused(`By the name constraints of its CA ${why}`, placeOf(place, path.length - 1 - j));
      }
    }
  }
}

function refused(message: string, place: string, mend?: string): GhostError {
  return new GhostError("not_admitted", message, { place, ...(mend ? { mend } : {}) });
}

/** Libraries throw what they like; here it is one kind of refusal. */
async function attempt<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GhostError) throw error;
    throw refused(`Cannot be checked: ${error instanceof Error ? error.message : error}`, place);
  }
}
