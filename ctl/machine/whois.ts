/** Who a machine is, as the daemon knows from signed records. */
import type { LocalWhois } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { pairs } from "../output/text.ts";

const LIKE = {
  name: "",
  id: "",
  key: "",
  addresses: [""],
  user: null,
  groups: [""],
  tags: [""],
  method: "",
  ephemeral: true,
  os: "",
  release: "",
  routes: [""],
  sshHostKeys: [""],
  signed: "",
  expires: "",
  self: true,
};

/** Asks for a machine by name, id or address; without one, for this machine. */
export async function askWhois(call: Call, who?: string): Promise<LocalWhois> {
  const path = `/v1/whois${who === undefined ? "" : `?who=${encodeURIComponent(who)}`}`;
  return await askDaemon<LocalWhois>(call, { method: "GET", path, like: LIKE });
}

export function showWhois(w: LocalWhois): string {
  return pairs([
    ["machine", `${w.name} (${w.id})${w.self ? ", this machine" : ""}`],
    ["addresses", w.addresses.join(", ")],
    ["user", w.user ?? "-"],
    ...(w.groups.length ? [["groups", w.groups.join(", ")] as const] : []),
    ["tags", w.tags.join(", ") || "-"],
    ["came in by", w.method === "static" ? "a join token" : w.method],
    ["system", `${w.os}, GhostMesh ${w.release}`],
    ["SSH host keys", String(w.sshHostKeys.length)],
    ["record", `signed ${w.signed.slice(0, 16)}, good until ${w.expires.slice(0, 16)}`],
    ["key", w.key],
  ]);
}
