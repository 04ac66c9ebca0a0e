/** Whose a certificate is, by the place that the policy names. */
import type { MtlsAdmit } from "../../../wire/admit.ts";
import type { AnyName, Certificate } from "./certificate.ts";

const MAX_USER = 254;
const EMAIL = /^[^\s"@:/]+@[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const HOST = /^[a-z0-9_]([a-z0-9_-]*)(\.[a-z0-9_][a-z0-9_-]*)*$/;
/** Neither `:` nor `/`: what reads `SUB@https://ISSUER` or `idp:GROUP` is an identity provider's to say. */
const COMMON_NAME = /^[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N} .,'_-]*$/u;

/**
 * The user whom a leaf names.
 * @throws Error when it names none, several, or something that cannot be a user's name
 */
export function userOf(leaf: Certificate, place: NonNullable<MtlsAdmit["user"]>): string {
  const found = new Set(candidates(leaf, place));
  const [user] = found;
  if (user === undefined) throw new Error(`It names no user in its ${WHERE[place]}`);
  if (found.size > 1) throw new Error(`It names ${found.size} users in its ${WHERE[place]}`);
  if (user.length > MAX_USER || !formOf(place, user).test(user)) {
    throw new Error(`Its ${WHERE[place]} is no user's name`);
  }
  return user;
}

const WHERE = {
  "san:email": "subjectAltName (email)",
  "san:upn": "subjectAltName (user principal name)",
  "san:dns": "subjectAltName (DNS)",
  cn: "common name",
} as const;

function candidates({ names, commonNames }: Certificate, place: NonNullable<MtlsAdmit["user"]>): string[] {
  if (place === "cn") return commonNames.map((name) => name.includes("@") ? name.toLowerCase() : name);
  const form = place.slice("san:".length);
  return names.flatMap((name) => "text" in name && name.form === form ? [name.text.toLowerCase()] : []);
}

function formOf(place: NonNullable<MtlsAdmit["user"]>, user: string): RegExp {
  if (place === "san:dns") return HOST;
  return place === "cn" && !user.includes("@") ? COMMON_NAME : EMAIL;
}

/** What name constraints have to say of a common name that is used as a user: it is bound as what it looks like. */
export function commonNamesAsNames({ commonNames }: Certificate): AnyName[] {
  return commonNames.flatMap((text): AnyName[] => {
    if (text.includes("@")) return [{ form: "email", text }];
    return HOST.test(text.toLowerCase()) ? [{ form: "dns", text }] : [];
  });
}
