/** `ghostctl dns`: how this machine resolves the network's names. */
import type { localDns } from "../../mesh/wire/local.ts";
import type { z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { printable } from "../output/text.ts";

type Dns = z.infer<typeof localDns>;

const LIKE = { address: "", way: "", suffix: "", search: [""], names: 0, upstreams: [""], fault: "" };

const WAYS = {
  resolved: "systemd-resolved asks it about the network's names",
  resolvconf: "by resolvconf",
  file: "by /etc/resolv.conf",
};

export async function run(call: Call): Promise<void> {
  const dns = await askDaemon<Dns>(call, { method: "GET", path: "/v1/dns", like: LIKE });
  call.out.answer({ ...dns }, () =>
    [
      dns.address === null || dns.way === null
        ? "resolver   off"
        : `resolver   ${dns.address} (${WAYS[dns.way]}), ${dns.names} names`,
      `suffix     ${printable(dns.suffix)}`,
      `search     ${printable(dns.search.join(" "))}`,
      `upstream   ${dns.upstreams.length > 0 ? printable(dns.upstreams.join(" ")) : "none"}`,
      ...(dns.fault === null ? [] : [`fault      ${printable(dns.fault)}`]),
    ].join("\n"));
}
