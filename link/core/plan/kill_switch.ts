/**
 * The kill switch: an nftables table of its own, `inet ghostkill_<iface>`, which outlives the daemon. While it is there, this
 * machine and its containers send nothing but what follows; everything else is refused.
 *
 * - into the tunnel and those of other networks, over the loopback, and WireGuard's own packets (by its fwmark and port);
 * - what the daemon needs to bring the tunnel back: its ICE socket, the gates and the coordinator by address, protocol and port,
 *   questions about their names from one port of the daemon's own;
 * - DHCP, neighbour discovery and router solicitation, without which the machine would lose its addresses;
 * - with `lan`, the networks that routes of this machine lead to.
 *
 * Containers and virtual machines are known by the names of their interfaces (CONTAINER_NAMES), whenever they come. It covers
 * neither those behind an interface of another name, nor what this machine forwards for other machines, nor the time between
 * the boot and the daemon's first start.
 */
import { EXIT_MARK, type ExitService } from "./exit.ts";
import { canonicalAddress, canonicalPrefix, familyOf } from "./prefix.ts";

/** How names of interfaces of containers and virtual machines begin. */
export const CONTAINER_NAMES =
  "docker br- veth cni cilium virbr vboxnet vmnet mpqemubr flannel vxlan. cali weave podman lxc lxd incus vnet kube- nodelocaldns waydroid hassio"
    .split(" ");

/** What may pass. */
export interface KillSwitch {
  /** WireGuard's port, the ICE socket's, and the one from which our own names are asked for; null while the tunnel is down. */
  ports: { wireguard: number; ice: number; names: number } | null;
  services: readonly ExitService[];
  /** This machine's tunnels of other networks, and UDP ports of their daemons. */
  others: { tunnels: readonly string[]; ports: readonly number[] };
  /** Networks that are reached as before; empty without `lan`. */
  lan: readonly string[];
  /** Networks of this machine's own containers. */
  containers: readonly string[];
  /** Interfaces that default routes leave by: never a container's, whatever they are called. */
  uplinks: readonly string[];
}

/** Name of the table that belongs to a tunnel interface. */
export function killTable(iface: string): string {
  return `ghostkill_${iface.replaceAll("-", "/")}`;
}

/** A transaction that removes the table, there or not. */
export function removeKillSwitch(iface: string): string {
  return `add table inet ${killTable(iface)}\ndelete table inet ${killTable(iface)}\n`;
}

/** A transaction that replaces the table. */
export function renderKillSwitch(iface: string, k: KillSwitch): string {
  const near = [...new Set([...k.lan, ...k.containers].map(canonicalPrefix))];
  const services = ([4, 6] as const).flatMap((family) => {
    const list = k.services.filter(({ address }) => familyOf(address) === family)
      .map((s) => `${canonicalAddress(s.address)} . ${s.protocol} . ${s.port}`);
    const ip = family === 4 ? "ip" : "ip6";
    return list.length === 0
      ? []
      : [`${ip} daddr . meta l4proto . th dport { ${[...new Set(list)].join(", ")} } accept`];
  });
  const nets = ([4, 6] as const).flatMap((family) => {
    const list = near.filter((prefix) => familyOf(prefix) === family);
    return list.length === 0 ? [] : [`${family === 4 ? "ip" : "ip6"} daddr @near${family} accept`];
  });
  const sets = ([4, 6] as const).map((family) => {
    const list = near.filter((prefix) => familyOf(prefix) === family);
    const elements = list.length === 0 ? "" : ` elements = { ${list.join(", ")} }`;
    return `  set near${family} { type ipv${family}_addr; flags interval; auto-merge;${elements} }`;
  });
  const tunnels = [iface, ...k.others.tunnels].map((name) => `"${name}"`);
  const ports = [...new Set([...(k.ports === null ? [] : [k.ports.wireguard, k.ports.ice]), ...k.others.ports])];
  const uplinks = [...new Set(k.uplinks)].map((name) => `"${name}"`).join(", ");
  const chain = (
    name: string,
    lines: readonly string[],
  ) => [`  chain ${name} {`, ...lines.map((l) => `    ${l}`), "  }"];
  const body = [
    ...sets,
    ...chain("out", [
      "type filter hook output priority filter + 10; policy accept;",
      `oifname { "lo", ${tunnels.join(", ")} } accept`,
      `meta mark 0x${EXIT_MARK.toString(16)} accept`,
      ...(ports.length === 0 ? [] : [`udp sport { ${ports.join(", ")} } accept`]),
      ...(k.ports === null ? [] : [`udp sport ${k.ports.names} udp dport 53 accept`]),
      ...services,
      "udp sport 68 udp dport 67 accept",
      "udp sport 546 udp dport 547 accept",
      "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept",
      ...nets,
      "counter reject",
    ]),
    // Answers of published ports as well: those of the machine itself are refused, too.
    ...chain("containers", [
      "type filter hook forward priority filter + 10; policy accept;",
      ...(uplinks === "" ? [] : [`iifname { ${uplinks} } return`]),
      ...CONTAINER_NAMES.map((name) => `iifname "${name}*" jump beyond`),
    ]),
    ...chain("beyond", [
      `oifname { ${tunnels.join(", ")} } return`,
      ...(uplinks === "" ? [] : [`oifname { ${uplinks} } goto shut`]),
      ...CONTAINER_NAMES.map((name) => `oifname "${name}*" return`),
      "goto shut",
    ]),
    ...chain("shut", [...nets, "counter reject"]),
  ];
  return `${removeKillSwitch(iface)}table inet ${killTable(iface)} {\n${body.join("\n")}\n}\n`;
}
