/**
 * nebula beside us: a lighthouse that relays on one machine, and nodes. Its binaries are built where Go is at hand (into the
 * user's cache, as the newest wireguard-go is), else Debian's are taken where they are installed; without either the bench goes without.
 */
import { join } from "node:path";
import type { Host } from "../lab/lab.ts";
import { waitFor } from "../lab/process.ts";
import { goInstall, isBuilt } from "../lib/go.ts";
import { which } from "../lib/run.ts";
import { cachedWireguardGo } from "../setup.ts";

const VERSION = "v1.10.3";
const FOLDER = join(cachedWireguardGo(), "..");
const PORT = 4242;

/** Its packets never go through another tunnel of the same machine. */
const OUTSIDE = `remote_allow_list: { "0.0.0.0/0": false, "203.0.113.0/24": true, "::/0": false }`;

/** The two programs. */
export interface Nebula {
  nebula: string;
  cert: string;
  /** For people. */
  label: string;
}

/** The programs, or null; builds them outside of a world only. */
export async function findNebula(say: (line: string) => void, { build }: { build: boolean }): Promise<Nebula | null> {
  const own = { nebula: join(FOLDER, "nebula"), cert: join(FOLDER, "nebula-cert"), label: `nebula ${VERSION}` };
  const programs = [["nebula", own.nebula], ["nebula-cert", own.cert]] as const;
  try {
    const ready = async (binary: string, target: string) =>
      build
        ? await goInstall({ module: `github.com/slackhq/nebula/cmd/${binary}@${VERSION}`, binary, target }, say)
        : await isBuilt(target, VERSION);
    if ((await Promise.all(programs.map(([binary, target]) => ready(binary, target)))).every(Boolean)) return own;
  } catch (error) {
    say(`remark: nebula was not built (${error instanceof Error ? error.message : error})`);
  }
  const [nebula, cert] = [await which("nebula"), await which("nebula-cert")];
  return nebula && cert ? { nebula, cert, label: "nebula (Debian's)" } : null;
}

/** Starts nebula on these machines; the first is the lighthouse and the relay, at `at`. Gives each machine's address inside. */
export async function startNebula(
  { nebula, cert }: Nebula,
  o: { lighthouse: Host; at: string; nodes: readonly { host: Host; relayed: boolean }[]; mtu: number },
): Promise<Map<string, string>> {
  const ca = o.lighthouse;
  await ca.sh(`mkdir -p nebula; cd nebula; exec "$1" ca -name bench`, cert);
  const addresses = new Map<string, string>();
  const start = async (host: Host, i: number, extra: string) => {
    const address = `172.31.254.${i + 1}`;
    addresses.set(host.name, address);
    await ca.sh(`cd nebula; exec "$1" sign -name "$2" -ip "$3/24"`, cert, host.name, address);
    for (const file of [`${host.name}.crt`, `${host.name}.key`, "ca.crt"]) {
      if (host !== ca) await host.write(`nebula/${file}`, (await ca.run(["cat", `nebula/${file}`])).stdout);
    }
    await host.write("nebula/config.yml", config(host.name, o, extra));
    host.spawn("nebula", [nebula, "-config", "nebula/config.yml"]);
  };
  await start(o.lighthouse, 0, "lighthouse: { am_lighthouse: true }\nrelay: { am_relay: true, use_relays: true }\n");
  for (const [i, { host, relayed }] of o.nodes.entries()) {
    const relays = relayed ? `relays: ["172.31.254.1"], ` : "";
    await start(
      host,
      i + 1,
      `lighthouse: { am_lighthouse: false, interval: 10, hosts: ["172.31.254.1"], ${OUTSIDE} }\nrelay: { ${relays}use_relays: true }\n`,
    );
  }
  const [first, ...others] = o.nodes;
  for (const { host } of others) {
    const argv = ["ping", "-n", "-c", "1", "-W", "1", addresses.get(host.name)!];
    await waitFor(`nebula to ${host.name}`, async () => (await first!.host.run(argv, { codes: "any" })).code === 0);
  }
  return addresses;
}

function config(name: string, o: { at: string; mtu: number }, extra: string): string {
  return `pki: { ca: nebula/ca.crt, cert: nebula/${name}.crt, key: nebula/${name}.key }
static_host_map: { "172.31.254.1": ["${o.at}:${PORT}"] }
listen: { host: 0.0.0.0, port: ${PORT} }
tun: { dev: nebula0, mtu: ${o.mtu} }
punchy: { punch: true, respond: true }
logging: { level: warning }
firewall:
  outbound: [{ port: any, proto: any, host: any }]
  inbound: [{ port: any, proto: any, host: any }]
${extra}`;
}
