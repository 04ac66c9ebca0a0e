/** One machine of the matrix in a network of its kind. */
import type { Host, Lab } from "../lab/lab.ts";
import { attach, plug, ruleSet } from "../lab/topology.ts";
import { type Kind, KINDS } from "./kinds.ts";

/** A machine, and the routers between it and the internet, outermost first. */
export interface Side {
  host: Host;
  routers: Host[];
}

/**
 * Makes it.
 * @param o.number 1 to 99, another one for each side: its addresses follow from it
 */
export async function addSide(
  lab: Lab,
  { name, number, kind }: { name: string; number: number; kind: Kind },
): Promise<Side> {
  const host = await lab.addHost(name);
  const outer = `203.0.113.${100 + number}`;
  if (kind === "public") {
    await plug(lab, host, "eth0", outer);
    return { host, routers: [] };
  }
  const router = await lab.addHost(`${name}r`);
  await plug(lab, router, "wan0", outer);
  const routers = [router];
  const carrier = kind === "double" || kind === "cgnat";
  const lan = carrier ? `100.64.${number}` : `10.9.${number}`;
  await router.sh("sysctl -qw net.ipv4.ip_forward=1");
  if (kind === "double") {
    const home = await lab.addHost(`${name}h`);
    await lab.connect(home, "wan0", router, "lan1");
    await home.sh(
      `ip address add ${lan}.2/24 dev wan0; ip route add default via ${lan}.1; sysctl -qw net.ipv4.ip_forward=1`,
    );
    await attach(lab, host, home, `10.9.${number}`);
    for (const rules of ["indrop", "eim_apdf"]) await home.run(["nft", "-f", ruleSet(rules)]);
    await router.run(["ip", "address", "add", `${lan}.1/24`, "dev", "lan1"]);
    routers.push(home);
  } else await attach(lab, host, router, lan);
  const words = [`outer=${outer}`, `client=${lan}.2`, `lan=${lan}.0/24`].flatMap((word) => ["-D", word]);
  for (const rules of ["indrop", ruleOf(kind)]) await router.run(["nft", ...words, "-f", ruleSet(rules)]);
  if ("ipv6" in KINDS[kind]) await addIpv6(host, router, number);
  return { host, routers };
}

function ruleOf(kind: Kind): string {
  if (kind === "double" || kind === "cgnat") return "eim_apdf";
  return kind === "dual_stack" ? "apdm_apdf" : kind;
}

/** Each LAN has a /64 of its own; the routers find each other by number. */
async function addIpv6(host: Host, router: Host, number: number): Promise<void> {
  const others = Array.from({ length: 30 }, (_, i) => i + 1).filter((n) => n !== number);
  await router.sh(`sysctl -qw net.ipv6.conf.all.forwarding=1
    ip address add 2001:db8::${number}/64 dev wan0 nodad; ip address add 2001:db8:${number}::1/64 dev lan1 nodad
    for n in ${others.join(" ")}; do ip -6 route add 2001:db8:$n::/64 via 2001:db8::$n; done`);
  await router.run(["nft", "-f", ruleSet("ipv6_stateful")]);
  await host.sh(
    `ip address add 2001:db8:${number}::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:${number}::1`,
  );
}
