/** WireGuard alone between two machines of a lab, of the same kind as the daemon uses: what GhostMesh is measured against. */
import { cachedWireguardGo, SYSTEM_WIREGUARD_GO } from "../setup.ts";
import { exists, run } from "../lib/run.ts";
import type { Host } from "./lab.ts";
import { waitFor } from "./process.ts";

/** The kinds of WireGuard, best first. */
export interface WireguardKind {
  /** The program; undefined is the kernel's own. */
  program: string | undefined;
  /** For people. */
  label: string;
}

/** What the daemon takes on this machine: the kernel's, else the newest wireguard-go, else Debian's. Only inside a world. */
export async function wireguardKind(): Promise<WireguardKind> {
  const { code } = await run(["ip", "link", "add", "probe0", "type", "wireguard"], { codes: "any" });
  if (code === 0) {
    await run(["ip", "link", "del", "probe0"]);
    return { program: undefined, label: "kernel WireGuard" };
  }
  if (await exists(SYSTEM_WIREGUARD_GO)) {
    const version = (await Deno.readTextFile(`${cachedWireguardGo()}.version`).catch(() => "")).trim();
    return { program: SYSTEM_WIREGUARD_GO, label: `wireguard-go ${version || "(newest)"}` };
  }
  const version = (await run(["/usr/bin/wireguard-go", "--version"], { codes: "any" })).stdout;
  return {
    program: "/usr/bin/wireguard-go",
    label: `${/wireguard-go \S+/.exec(version)?.[0] ?? "wireguard-go"} (Debian's)`,
  };
}

/** One end of the tunnel. */
export interface BareEnd {
  host: Host;
  /** Its address in the tunnel. */
  address: string;
  /** Where the other end sends to. */
  endpoint: string;
}

/** What both ends have in common. */
export interface BareOptions {
  mtu: number;
  iface?: string;
  /** Where WireGuard listens, and where it sends to where that is another port. */
  port?: number;
  to?: number;
}

/** Makes the tunnel and waits until it answers. */
export async function bareTunnel(kind: WireguardKind, [a, b]: [BareEnd, BareEnd], o: BareOptions): Promise<void> {
  const { mtu, iface = "bare0", port = 51900, to = port } = o;
  const keys = new Map<BareEnd, { secret: string; open: string }>();
  for (const end of [a, b]) {
    const secret = (await run(["wg", "genkey"])).stdout.trim();
    keys.set(end, { secret, open: (await run(["wg", "pubkey"], { stdin: secret })).stdout.trim() });
    if (kind.program === undefined) await end.host.run(["ip", "link", "add", iface, "type", "wireguard"]);
    else {
      end.host.spawn("bare wireguard-go", [kind.program, "-f", iface]);
      await waitFor(
        "bare WireGuard",
        async () => (await end.host.run(["wg", "show", iface], { codes: "any" })).code === 0,
      );
    }
    await end.host.run(["ip", "address", "add", `${end.address}/24`, "dev", iface]);
    await end.host.run(["ip", "link", "set", iface, "mtu", String(mtu), "up"]);
  }
  for (const [end, other] of [[a, b], [b, a]] as const) {
    const peer = ["peer", keys.get(other)!.open, "allowed-ips", `${other.address}/32`];
    const reach = ["endpoint", `${other.endpoint}:${to}`, "persistent-keepalive", "5"];
    const own = ["private-key", "/dev/stdin", "listen-port", String(port)];
    await end.host.run(["wg", "set", iface, ...own, ...peer, ...reach], { stdin: keys.get(end)!.secret });
  }
  const ping = ["ping", "-c", "1", "-W", "1", b.address];
  await waitFor("an answer over bare WireGuard", async () => (await a.host.run(ping, { codes: "any" })).code === 0);
}
