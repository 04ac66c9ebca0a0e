/**
 * `deno task setup`: brings what GhostMesh, its demo and its tests need from the system, and says in one line what is
 * missing when it may not. Quick when nothing is missing; the demo and the tests call it first.
 *
 * - Debian packages by apt when it runs as root; an ordinary user gets the line to type.
 * - Where the kernel has no WireGuard: the newest wireguard-go, built where Go >= 1.23 is at hand, because it is several
 *   times faster than Debian's, and with a fault mended by which it loses packets (see MIXED_FAMILIES). Without Go, or when
 *   the build fails, Debian's serves.
 * - A look at namespaces and /dev/net/tun.
 */
import { dirname, join } from "node:path";
import { unpack } from "./lib/debian.ts";
import { goInstall, type Mend } from "./lib/go.ts";
import { exists, Failure, main, type Output, PROJECT, run, which } from "./lib/run.ts";

/** A program, or the path of a file, and the Debian package that has it. */
const TOOLS: readonly (readonly [string, string])[] = [
  ["wg", "wireguard-tools"],
  ["nft", "nftables"],
  ["ip", "iproute2"],
  ["ping", "iputils-ping"],
  ["iperf3", "iperf3"],
  ["sysctl", "procps"],
  ["unshare", "util-linux"],
  ["nsenter", "util-linux"],
  ["setpriv", "util-linux"],
  ["turnserver", "coturn"],
];
/** Where Debian keeps aioice, which has no program of its own. */
const AIOICE = "/usr/lib/python3/dist-packages/aioice/__init__.py";
/**
 * What only tests need: a router's port mapping, a way to make it forget its connections, an SSH server, two more shells, an ICE
 * agent of other people.
 */
const TEST_TOOLS: typeof TOOLS = [
  ["miniupnpd", "miniupnpd-nftables"],
  ["conntrack", "conntrack"],
  ["sshd", "openssh-server"],
  ["ssh-agent", "openssh-client"],
  ["zsh", "zsh"],
  ["fish", "fish"],
  ["dbus-daemon", "dbus-daemon"],
  [AIOICE, "python3-aioice"],
];
/** What leads a machine's names: tried as the real programs in a lab, and never installed, which would change this machine's own. */
const RESOLVERS = {
  resolvconf: ["resolvconf"],
  openresolv: ["openresolv"],
  "systemd-resolved": ["systemd-resolved", "libsystemd-shared", "libip4tc2", "libkmod2"],
} as const;
export type Resolver = keyof typeof RESOLVERS;
const WIREGUARD_GO = "golang.zx2c4.com/wireguard@v0.0.0-20260522210424-ecfc5a8d5446";
/**
 * wireguard-go keeps destination addresses for reuse. One that was last IPv4 takes only the first four bytes of an IPv6
 * address and keeps twelve of whoever had it before, so packets go to a wrong address wherever peers of both families, or a
 * relay on 127.0.0.1 and a direct path over IPv6, meet (its pull request 135, open since 2025-12; measured here: 1 to 4 packets
 * lost in most climbs to IPv6, now and then the handshake, for 5 to 10 s).
 */
export const MIXED_FAMILIES: Mend = {
  name: "mixed-families",
  file: "conn/bind_std.go",
  from: "copy(ua.IP, as16[:])",
  to: "ua.IP = append(ua.IP[:0], as16[:]...)",
};
/** Where the daemon looks for the newest wireguard-go. */
export const SYSTEM_WIREGUARD_GO = "/usr/local/lib/ghostmesh/wireguard-go";

const isRoot = () => Deno.uid() === 0;

/** What this user keeps between runs. */
function cached(...path: string[]): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") || join(Deno.env.get("HOME") || "/root", ".cache");
  return join(cache, "ghostmesh", ...path);
}

/** This user's own copy of the newest wireguard-go. */
export function cachedWireguardGo(): string {
  return cached("bin", "wireguard-go");
}

/** Where a program that leads names is unpacked, with its files as below `/`. */
export function cachedResolver(name: Resolver): string {
  return cached("debian", name);
}

/** The beginning of a command line that runs the rest in namespaces of its own, as root there. */
export function unshareArgv(): string[] {
  return isRoot() ? ["-n", "-m", "-p", "-f"] : ["-U", "-r", "-n", "-m", "-p", "-f"];
}

async function missingPackages(tools: typeof TOOLS): Promise<string[]> {
  const missing = new Set<string>();
  for (const [tool, debianPackage] of tools) {
    if (!(tool.startsWith("/") ? await exists(tool) : await which(tool))) missing.add(debianPackage);
  }
  if (!(await which("wireguard-go")) && !(await exists(SYSTEM_WIREGUARD_GO)) && !(await kernelWireguard())) {
    missing.add("wireguard-go");
  }
  return [...missing];
}

async function installPackages(packages: readonly string[], say: (line: string) => void): Promise<void> {
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  const apt = await which("apt-get");
  if (!apt) throw new Failure(`Missing: ${packages.join(" ")} (names of Debian packages); install them and try again`);
  if (!isRoot()) throw new Failure(`Missing: ${packages.join(" ")}; type this as root: ${line}`);
  say(`installing ${packages.join(" ")}`);
  if (packages.includes("coturn")) await mask("coturn.service");
  if (packages.includes("openssh-server")) await mask("ssh.service", "ssh.socket");
  const install = (codes: readonly number[] | "any"): Promise<Output> =>
    run([apt, "install", "-y", "--no-install-recommends", ...packages], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
      timeout: 600_000,
      codes,
    });
  if ((await install("any")).code === 0) return;
  await run([apt, "update"], { env: { DEBIAN_FRONTEND: "noninteractive" }, timeout: 600_000 });
  await install([0]);
}

/**
 * Debian starts a service (coturn, an SSH server) as soon as its package is there, on all addresses. Gates and tests start theirs
 * by themselves, so the package's own is masked before, unless this machine has one already; `systemctl unmask` takes that back.
 */
async function mask(...services: readonly string[]): Promise<void> {
  const script = `[ ! -d "$1" ] || [ -e "$1/$2" ] || [ -L "$1/$2" ] || ln -s /dev/null "$1/$2"`;
  for (const service of services) await run(["/bin/sh", "-c", script, "sh", "/etc/systemd/system", service]);
}

/** True when the kernel makes WireGuard interfaces; tried in a network namespace of its own. */
async function kernelWireguard(): Promise<boolean> {
  const unshare = await which("unshare");
  const ip = await which("ip");
  if (!unshare || !ip) return false;
  const argv = [unshare, ...unshareArgv(), ip, "link", "add", "ghost0", "type", "wireguard"];
  return (await run(argv, { codes: "any" })).code === 0;
}

/** Builds the newest wireguard-go into the user's cache, and for root into the system's place too. */
async function buildWireguardGo(say: (line: string) => void): Promise<void> {
  const target = cachedWireguardGo();
  const program = { module: WIREGUARD_GO, binary: "wireguard", target, mend: MIXED_FAMILIES };
  try {
    if (!(await goInstall(program, say))) return;
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    return say(`remark: wireguard-go was not built, Debian's serves instead (${why})`);
  }
  if (isRoot() && !(await sameFile(target, SYSTEM_WIREGUARD_GO))) {
    await Deno.mkdir(dirname(SYSTEM_WIREGUARD_GO), { recursive: true, mode: 0o755 });
    await Deno.copyFile(target, `${SYSTEM_WIREGUARD_GO}.new`);
    await Deno.chmod(`${SYSTEM_WIREGUARD_GO}.new`, 0o755);
    await Deno.rename(`${SYSTEM_WIREGUARD_GO}.new`, SYSTEM_WIREGUARD_GO);
  }
}

async function sameFile(a: string, b: string): Promise<boolean> {
  return await exists(b) && (await run(["/usr/bin/cmp", "-s", a, b], { codes: "any" })).code === 0;
}

/** @throws Failure when this user cannot make the namespaces that the demo and the tests live in */
async function checkNamespaces(): Promise<void> {
  const unshare = (await which("unshare"))!;
  const argv = [unshare, ...unshareArgv(), "--mount-proc", "/bin/true"];
  const { code, stderr } = await run(argv, { codes: "any" });
  if (code === 0) return;
  const mend = isRoot()
    ? "a container needs --privileged for that"
    : "run it as root, or allow it: sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0";
  throw new Failure(`Cannot make namespaces (${stderr.trim()}); ${mend}`);
}

/** Only userspace WireGuard needs TUN. Deno touches no device file without --allow-all, so a shell tries it. */
async function checkTun(): Promise<void> {
  // A shell that may not open it ends with a code of its own, which is 2 for some.
  const probe = "test -e /dev/net/tun || exit 66; : <>/dev/net/tun";
  const { code } = await run(["/bin/sh", "-c", probe], { codes: "any" });
  if (code === 0) return;
  throw new Failure(
    code === 66
      ? "/dev/net/tun: No such device; as root: modprobe tun, or in a container: mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200"
      : "/dev/net/tun: Permission denied; as root: chmod 666 /dev/net/tun",
  );
}

/**
 * Brings what is missing.
 * @param say told each step that takes time
 * @param tests also what only tests need
 * @throws Failure with the one line that mends it
 */
export async function setUp(say: (line: string) => void, { tests = true } = {}): Promise<void> {
  const missing = await missingPackages(tests ? [...TOOLS, ...TEST_TOOLS] : TOOLS);
  if (missing.length) await installPackages(missing, say);
  if (tests) {
    for (const [name, packages] of Object.entries(RESOLVERS)) {
      // The one test that needs them says so; all others go on.
      await unpack(cached("debian", name), packages, say).catch((error) => say(`remark: ${error.message}`));
    }
  }
  await checkNamespaces();
  if (await kernelWireguard()) return;
  await buildWireguardGo(say);
  await checkTun();
}

/** Fetches what the programs and the tests import, and Deno's bundler, into Deno's cache, because a world has no network. */
export async function fetchImports(): Promise<void> {
  await run([Deno.execPath(), "install", "--quiet"], { cwd: PROJECT, timeout: 300_000 });
  const dir = await Deno.makeTempDir();
  try {
    const argv = [Deno.execPath(), "bundle", "--quiet", "--platform=deno", "--outdir", dir, "mesh/wire/version.ts"];
    await run(argv, { cwd: PROJECT, timeout: 300_000 });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) {
  await main(async () => {
    await setUp((line) => console.log(line));
    console.log("everything that GhostMesh needs is here");
  });
}
