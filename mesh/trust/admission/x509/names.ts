/**
 * Name constraints, RFC 5280 section 4.2.1.10: a name of a form that is constrained must lie within one of the permitted
 * subtrees of that form, and within none of the excluded ones. A form that cannot be compared (other names, registered
 * ids) is refused as soon as it is both constrained and there. User principal names look like e-mail addresses and can select
 * a user, so constraints of e-mail addresses bind them too.
 */
import type { AnyName, Constraints, Rdn } from "./certificate.ts";

/** Why `name` is not allowed under constraints, or null when it is. */
export function violation(name: AnyName, { permitted, excluded }: Constraints): string | null {
  if (excluded.some((base) => binds(base, name) && within(name, base, "excluded"))) return `${shown(name)} is excluded`;
  const allowed = permitted.filter((base) => binds(base, name));
  if (allowed.length === 0 || allowed.some((base) => within(name, base, "permitted"))) return null;
  return `${shown(name)} is not permitted`;
}

/** Whether a constraint says anything of names of this form. */
function binds(base: AnyName, name: AnyName): boolean {
  if (name.form === "upn") return base.form === "upn" || base.form === "email";
  return base.form === name.form && (base.form !== "other" || name.form !== "other" || base.oid === name.oid);
}

function within(name: AnyName, base: AnyName, list: keyof Constraints): boolean {
  if (name.form === "ip" && base.form === "ip") return ipWithin(name.bytes, base.bytes);
  if (name.form === "directory" && base.form === "directory") return directoryWithin(name.rdns, base.rdns);
  if ("text" in name && "text" in base && base.form !== "upn") {
    return TEXTS[name.form](name.text.toLowerCase(), base.text.toLowerCase(), list);
  }
  return list === "excluded"; // it is there and constrained, and nobody can tell
}

const TEXTS = { dns: dnsWithin, email: emailWithin, upn: emailWithin, uri: uriWithin };

/** `a.b` lies within `b`, within `a.b` and within everything (an empty base); `.b` holds what is below `b` only. */
function hostWithin(host: string, base: string): boolean {
  if (base === "" || host === base) return true;
  return host.endsWith(base.startsWith(".") ? base : `.${base}`);
}

function dnsWithin(name: string, base: string, list: keyof Constraints): boolean {
  const host = name.replace(/\.$/, "");
  if (!host.startsWith("*.")) return hostWithin(host, base);
  // A wildcard stands for names on both sides of a constraint that is longer than it.
  const domain = host.slice(2);
  if (list === "permitted") return hostWithin(domain, base) || `.${domain}` === base;
  return hostWithin(domain, base) || base.endsWith(`.${domain}`);
}

function emailWithin(name: string, base: string, list: keyof Constraints): boolean {
  const at = name.lastIndexOf("@");
  if (at < 1) return list === "excluded"; // not an address: nothing permits it
  if (base.includes("@")) return name === base;
  const host = name.slice(at + 1);
  // Unlike DNS names: a host stands for itself alone, `.host` for what is below it.
  return base === "" || (base.startsWith(".") ? host.endsWith(base) : host === base);
}

function uriWithin(name: string, base: string, list: keyof Constraints): boolean {
  const host = URL.canParse(name) ? new URL(name).hostname.toLowerCase() : "";
  // Section 4.2.1.10: a URI without a host name in it cannot satisfy a constraint.
  if (host === "" || /^[[\d]/.test(host)) return list === "excluded";
  return base.startsWith(".") ? host.endsWith(base) : host === base;
}

function ipWithin(address: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== address.length * 2) return false;
  return address.every((byte, i) => (byte & base[address.length + i]!) === (base[i]! & base[address.length + i]!));
}

function directoryWithin(name: readonly Rdn[], base: readonly Rdn[]): boolean {
  return base.length <= name.length && base.every((rdn, i) => {
    const own = name[i]!;
    return own.length === rdn.length && rdn.every((attribute, j) => own[j] === attribute);
  });
}

function shown(name: AnyName): string {
  if ("text" in name) return `the name "${name.text.slice(0, 100)}"`;
  if (name.form === "ip") return "an address";
  return name.form === "directory" ? "the subject" : `a name of the form ${name.oid}`;
}
