/** WireGuard alone between two machines of a lab, of the same kind as the daemon uses: what GhostMesh is measured against. */
import { cachedWireguardGo, SYSTEM_WIREGUARD_GO } from "../setup.ts";
import { exists, run } from "../lib/run.ts";
import type { Host } from "./lab.ts";
import { waitFor } from "./process.ts";

const IFACE = "bare0";
const PORT = 51900;

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

/** Makes the tunnel and waits until it answers. */
export async function bareTunnel(kind: WireguardKind, a: BareEnd, b: BareEnd, mtu: number): Promise<void> {
  const keys = new Map<BareEnd, { secret: string; open: string }>();
  for (const end of [a, b]) {
    const secret = (await run(["wg", "genkey"])).stdout.trim();
    keys.set(end, { secret, open: (await run(["wg", "pubkey"], { stdin: secret })).stdout.trim() });
    if (kind.program === undefined) await end.host.run(["ip", "link", "add", IFACE, "type", "wireguard"]);
    else {
      end.host.spawn("bare wireguard-go", [kind.program, "-f", IFACE]);
      await waitFor(
        "bare WireGuard",
        async () => (await end.host.run(["wg", "show", IFACE], { codes: "any" })).code === 0,
      );
    }
    await end.host.run(["ip", "address", "add", `${end.address}/24`, "dev", IFACE]);
    await end.host.run(["ip", "link", "set", IFACE, "mtu", String(mtu), "up"]);
  }
  for (const [end, other] of [[a, b], [b, a]] as const) {
    const peer = ["peer", keys.get(other)!.open, "allowed-ips", `${other.address}/32`];
    const reach = ["endpoint", `${other.endpoint}:${PORT}`, "persistent-keepalive", "5"];
    const own = ["private-key", "/dev/stdin", "listen-port", String(PORT)];
    await end.host.run(["wg", "set", IFACE, ...own, ...peer, ...reach], { stdin: keys.get(end)!.secret });
  }
  const ping = ["ping", "-c", "1", "-W", "1", b.address];
  await waitFor("an answer over bare WireGuard", async () => (await a.host.run(ping, { codes: "any" })).code === 0);
}
