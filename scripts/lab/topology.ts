/**
 * The world of the demo and of the end-to-end tests:
 *
 *     203.0.113.0/24 (bridge "inet")
 *       .10 coordinator   .20 gate   .30 carol -- 10.1.1.0/24 -- .2 printer
 *       .2 router na -- 10.9.1.0/24 -- .2 alice
 *       .3 router nb -- 10.9.2.0/24 -- .2 bob
 */
import { join } from "node:path";
import { PROJECT } from "../lib/run.ts";
import type { Host, Lab } from "./lab.ts";

/** Addresses of the public machines. */
export const COORDINATOR = "203.0.113.10";
export const GATE = "203.0.113.20";
export const CAROL = "203.0.113.30";
export const ROUTER_A = "203.0.113.2";
export const ROUTER_B = "203.0.113.3";
/** The LAN behind carol. */
export const OFFICE = "10.1.1.0/24";
export const PRINTER = "10.1.1.2";

/** Rule sets in scripts/lab/nat. */
export type Nat = "eim_apdf" | "eim_eif" | "apdm_apdf" | "only_443";

/** The path of a rule set. */
export function ruleSet(name: string): string {
  return join(PROJECT, "scripts", "lab", "nat", `${name}.nft`);
}

/** The public network alone: a switch without hosts. */
export async function addInternet(lab: Lab): Promise<Host> {
  const inet = await lab.addHost("inet");
  await inet.sh("ip link add br0 type bridge; ip link set br0 up");
  return inet;
}

/** Plugs an interface of a host into the public network. */
export async function plug(lab: Lab, host: Host, iface: string, address: string): Promise<void> {
  const inet = lab.host("inet");
  const port = `${address.includes(":") ? "6" : "to"}-${host.name}`.slice(0, 15);
  await lab.connect(host, iface, inet, port);
  await inet.run(["ip", "link", "set", port, "master", "br0"]);
  const prefix = address.includes(":") ? [`${address}/64`, "nodad"] : [`${address}/24`];
  await host.run(["ip", "address", "add", ...prefix, "dev", iface]);
}

/** A machine with a public address. */
export async function addPublic(lab: Lab, name: string, address: string): Promise<Host> {
  const host = await lab.addHost(name);
  await plug(lab, host, "eth0", address);
  return host;
}

/** The public network with the two servers on it. */
export async function addServers(lab: Lab): Promise<{ coordinator: Host; gate: Host }> {
  await addInternet(lab);
  const coordinator = await addPublic(lab, "coordinator", COORDINATOR);
  return { coordinator, gate: await addPublic(lab, "gate", GATE) };
}

/** A router with one public address that behaves like `nat`, and one machine (.2) on the LAN `lan` (such as "10.9.1") behind it. */
export async function addBehindNat(
  lab: Lab,
  name: string,
  o: { router: string; address: string; lan: string; nat: Nat },
): Promise<Host> {
  const router = await lab.addHost(o.router);
  await plug(lab, router, "wan0", o.address);
  const host = await lab.addHost(name);
  await attach(lab, host, router, o.lan);
  await router.sh("sysctl -qw net.ipv4.ip_forward=1");
  await router.run(["nft", "-f", ruleSet("indrop")]);
  await router.run(["nft", "-f", ruleSet(o.nat)]);
  return host;
}

/** Puts a machine (.2) and its router (.1) into one LAN, such as "10.9.1". */
export async function attach(lab: Lab, host: Host, router: Host, lan: string): Promise<void> {
  await lab.connect(host, "eth0", router, "lan1");
  await host.sh(`ip address add ${lan}.2/24 dev eth0; ip route add default via ${lan}.1`);
  await router.sh(`ip address add ${lan}.1/24 dev lan1`);
}

/** Drops UDP between a router's LAN and another router's public address; `unblockUdp` takes it back. */
export async function blockUdp(router: Host, other: string): Promise<void> {
  await router.run(["nft", "-D", `blocked=${other}`, "-f", ruleSet("block_udp_to")]);
}

/** Takes `blockUdp` back. */
export async function unblockUdp(router: Host): Promise<void> {
  await router.run(["nft", "delete", "table", "ip", "blocked"]);
}

/** Drops the UDP of a gate's lanes at a router; `unblockLanes` takes it back. */
export async function blockLanes(router: Host): Promise<void> {
  await router.run(["nft", "-f", ruleSet("block_lanes")]);
}

/** Takes `blockLanes` back. */
export async function unblockLanes(router: Host): Promise<void> {
  await router.run(["nft", "delete", "table", "ip", "nolanes"]);
}

/** alice and bob, each at home behind a NAT of their own. */
export async function addHomes(
  lab: Lab,
  { alice = "eim_apdf", bob = "eim_apdf" }: { alice?: Nat; bob?: Nat } = {},
): Promise<{ alice: Host; bob: Host }> {
  return {
    alice: await addBehindNat(lab, "alice", { router: "na", address: ROUTER_A, lan: "10.9.1", nat: alice }),
    bob: await addBehindNat(lab, "bob", { router: "nb", address: ROUTER_B, lan: "10.9.2", nat: bob }),
  };
}

/** Another network that a machine can go to, as a telephone has one: its interface wwan0, behind the router "lte" at this address. */
export async function addLte(lab: Lab, host: Host, address: string): Promise<Host> {
  const lte = await lab.addHost("lte");
  await plug(lab, lte, "wan0", address);
  await lab.connect(host, "wwan0", lte, "lan1");
  await lte.sh("ip address add 10.9.3.1/24 dev lan1; sysctl -qw net.ipv4.ip_forward=1");
  for (const rules of ["indrop", "eim_apdf"]) await lte.run(["nft", "-f", ruleSet(rules)]);
  return lte;
}

/** The whole topology above. */
export async function buildHomes(lab: Lab, nats: { alice?: Nat; bob?: Nat } = {}): Promise<void> {
  await addServers(lab);
  const carol = await addPublic(lab, "carol", CAROL);
  const printer = await lab.addHost("printer");
  await lab.connect(printer, "eth0", carol, "lan1");
  await carol.sh("ip address add 10.1.1.1/24 dev lan1");
  await printer.sh(`ip address add ${PRINTER}/24 dev eth0; ip route add default via 10.1.1.1`);
  await addHomes(lab, nats);
}
