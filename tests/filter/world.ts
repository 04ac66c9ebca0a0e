/**
 * A world for the test of the rendered filter, to be run in network, mount and process namespaces of its own:
 *
 *     peer -- p0 ~ ghost0 -- self -- lan0 ~ l0 -- lan          (a veth pair stands in for the tunnel)
 *
 * Reads a `Plan` as JSON from standard input: in each round it loads a table in `self` and sends the round's probes.
 * Writes what got an answer, and the table after each round, as JSON to standard output. `agent` as first argument runs one host's end instead.
 */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

/** One thing to try. `held` is a TCP connection that stays open across rounds: opened by its first probe, used by the next. */
export interface Probe {
  host: "peer" | "self" | "lan";
  kind: "tcp" | "udp" | "icmp" | "ttl" | "held";
  from: string;
  to: string;
  port?: number;
  /** Bytes of a UDP or ICMP probe. */
  size?: number;
}
export interface Plan {
  rounds: { nft: string; probes: Probe[]; pass: number; drop: number }[];
}

const ADDRESSES = {
  self: ["100.64.0.1", "fd00::1", "10.1.1.1", "fd12::1"],
  peer: ["100.64.0.2", "100.64.0.3", "100.64.0.4", "fd00::2", "fd00::3", "10.8.1.5", "10.9.0.5", "fd99::5"],
  lan: ["10.1.1.9", "172.17.0.9", "fd12::9"],
};
const PORTS = [22, 443, 5353];
const LIMIT = 30_000;

function run(...argv: string[]): Promise<string> {
  return feed("", ...argv);
}

async function feed(input: string, ...argv: string[]): Promise<string> {
  const child = new Deno.Command(argv[0]!, { args: argv.slice(1), stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`${argv.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function build(): Promise<void> {
  await run("mount", "-t", "tmpfs", "none", "/var/run");
  const host = { self: [] as string[], peer: ["-n", "peer"], lan: ["-n", "lan"] };
  for (const name of ["peer", "lan"]) await run("ip", "netns", "add", name);
  const [near, far] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
  await run(
    "ip",
    "link",
    "add",
    "ghost0",
    "address",
    near,
    "type",
    "veth",
    "peer",
    "p0",
    "address",
    far,
    "netns",
    "peer",
  );
  await run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "l0", "netns", "lan");
  const devices = { self: ["ghost0", "ghost0", "lan0", "lan0"], peer: Array(8).fill("p0"), lan: Array(3).fill("l0") };
  for (const name of ["self", "peer", "lan"] as const) {
    const ip = (...args: string[]) => run("ip", ...host[name], ...args);
    for (const device of new Set([...devices[name], "lo"])) {
      // Without link-local addresses nothing is sent but the probes, so that drops can be counted.
      await ip("link", "set", device, "addrgenmode", "none", "up");
    }
    for (const [i, address] of ADDRESSES[name].entries()) {
      const length = address.includes(":") ? "64" : "24";
      await ip("addr", "add", `${address}/${length}`, "dev", devices[name][i], ...(length === "64" ? ["nodad"] : []));
    }
    const inside = name === "self" ? [] : ["ip", "netns", "exec", name];
    const settings =
      "ipv4.ip_forward=1 ipv6.conf.all.forwarding=1 ipv4.conf.all.rp_filter=0 ipv4.conf.default.rp_filter=0";
    for (const setting of settings.split(" ")) await run(...inside, "sysctl", "-qw", `net.${setting}`);
  }
  // A tunnel has no neighbour discovery, and the filter lets none pass.
  const neighbours = ["neigh", "replace", "nud", "permanent", "lladdr"];
  for (const address of ADDRESSES.peer) await run("ip", ...neighbours, far, "dev", "ghost0", "to", address);
  for (const address of ADDRESSES.self) await run("ip", "-n", "peer", ...neighbours, near, "dev", "p0", "to", address);
  await run("ip", "route", "add", "10.8.0.0/16", "via", "100.64.0.2");
  await run("ip", "route", "add", "10.9.0.0/24", "via", "100.64.0.2");
  await run("ip", "route", "add", "172.17.0.0/24", "dev", "lan0");
  await run("ip", "route", "add", "fd98::/64", "via", "fd00::2");
  // Errors by the peer's own stack come from these, so that no rule for ICMP lets them in.
  await run("ip", "-n", "peer", "route", "add", "100.64.0.1/32", "dev", "p0", "src", "10.8.1.5");
  await run("ip", "-n", "peer", "route", "add", "fd00::1/128", "dev", "p0", "src", "fd99::5");
  for (const [name, via4, via6] of [["peer", "100.64.0.1", "fd00::1"], ["lan", "10.1.1.1", "fd12::1"]] as const) {
    await run("ip", "-n", name, "route", "add", "default", "via", via4);
    await run("ip", "-n", name, "-6", "route", "add", "default", "via", via6);
  }
}

/** The whole table as nft tells it to programs. */
async function listing(): Promise<unknown> {
  return JSON.parse(await run("nft", "-j", "list", "table", "inet", "ghostlink_test"));
}

/** Packets that the loaded filter dropped so far. */
async function dropped(): Promise<number> {
  const text = await run("nft", "list", "table", "inet", "ghostlink_test");
  return [...text.matchAll(/counter packets (\d+) bytes \d+ drop/g)].reduce((sum, m) => sum + Number(m[1]), 0);
}

async function orchestrate(): Promise<void> {
  const { rounds }: Plan = JSON.parse(await new Response(Deno.stdin.readable).text());
  await build();
  const answered: number[][] = [];
  const listings: unknown[] = [];
  let current: Set<number> = new Set();
  let ready = 0;
  let wake = () => {};
  const agents = (["self", "peer", "lan"] as const).map((host) => {
    const deno = [Deno.execPath(), "run", "-A", "--no-config", import.meta.filename!, "agent", host];
    const argv = host === "self" ? deno : ["ip", "netns", "exec", host, ...deno];
    const child = new Deno.Command(argv[0]!, { args: argv.slice(1), stdin: "piped", stdout: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    const seen = (async () => {
      let rest = "";
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + chunk).split("\n");
        rest = parts.pop()!;
        for (const word of parts) {
          if (word === "ready") ready++;
          else current.add(Number(word));
        }
        wake();
      }
    })();
    return { host, child, writer, seen };
  });
  const until = async (done: () => boolean | Promise<boolean>, what: string) => {
    const end = Date.now() + LIMIT;
    while (!await done()) {
      if (Date.now() > end) throw new Error(`Gave up waiting: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        wake = () => (clearTimeout(timer), resolve());
      });
    }
  };
  await until(() => ready === agents.length, "agents");
  let id = 0;
  for (const { nft, probes, pass, drop } of rounds) {
    await feed(nft, "nft", "-f", "-");
    const first = id;
    current = new Set();
    const before = await dropped();
    for (const probe of probes) {
      const line = JSON.stringify({ id: id++, ...probe }) + "\n";
      await agents.find((a) => a.host === probe.host)!.writer.write(new TextEncoder().encode(line));
    }
    // Not a pause: everything that may pass has passed, and as many packets as there are refused probes were dropped.
    await until(() => current.size >= pass, `${pass} answers, got those of ${[...current].map((n) => n - first)}`);
    await until(async () => await dropped() - before >= drop, `${drop} drops`);
    answered.push([...current].map((n) => n - first).sort((a, b) => a - b));
    listings.push(await listing());
  }
  console.log(JSON.stringify({ answered, listings }));
  for (const { writer, seen, child } of agents) {
    await writer.close();
    await seen;
    await child.status;
  }
}

function agent(host: keyof typeof ADDRESSES): void {
  const held = new Map<string, { socket: Socket; waiting: number[] }>();
  const told = (id: number) => void process.stdout.write(`${id}\n`);
  let left = ADDRESSES[host].length * PORTS.length * 2;
  const up = () => void (--left === 0 && process.stdout.write("ready\n"));
  for (const address of ADDRESSES[host]) {
    for (const port of PORTS) {
      createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(port, address, up);
      const echo = createSocket(address.includes(":") ? "udp6" : "udp4");
      echo.on("message", (data, { port, address }) => echo.send(data, port, address)).bind(port, address, up);
    }
  }
  const dial = ({ from, to, port }: Probe) => {
    const socket = connect({ host: to, port: port!, localAddress: from });
    return socket.on("error", () => {});
  };
  const ping = async (id: number, { from, to, size, kind }: Probe) => {
    const ttl = kind === "ttl" ? ["-t", "1"] : [];
    const args = ["-n", "-c", "1", "-W", "20", "-s", String(size ?? 16), "-I", from, ...ttl, to];
    const child = new Deno.Command("ping", { args, stdout: "piped", stderr: "null" }).spawn();
    children.add(child);
    const { code, stdout } = await child.output();
    children.delete(child);
    const text = new TextDecoder().decode(stdout);
    if (kind === "ttl" ? /Time (to live )?exceeded/.test(text) : code === 0) told(id);
  };
  const children = new Set<Deno.ChildProcess>();
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, ...probe }: Probe & { id: number } = JSON.parse(line);
    if (probe.kind === "icmp" || probe.kind === "ttl") ping(id, probe);
    else if (probe.kind === "udp") {
      const socket = createSocket(probe.from.includes(":") ? "udp6" : "udp4");
      const data = new Uint8Array(probe.size ?? 16);
      socket.on("message", () => told(id)).bind(0, probe.from, () => socket.send(data, probe.port!, probe.to));
    } else if (probe.kind === "tcp") {
      const socket = dial(probe);
      socket.on("connect", () => socket.write("?")).on("data", () => told(id));
    } else {
      const key = `${probe.from} ${probe.to}`;
      let entry = held.get(key);
      if (!entry) {
        const waiting: number[] = [];
        entry = { waiting, socket: dial(probe).on("data", () => waiting.splice(0).forEach(told)) };
        held.set(key, entry);
      }
      entry.waiting.push(id);
      entry.socket.write("?");
    }
  }).on("close", () => {
    for (const child of children) child.kill("SIGKILL");
    process.exit(0);
  });
}

if (import.meta.main) {
  const host = Deno.args[1];
  if (Deno.args[0] !== "agent") await orchestrate();
  else if (host === "self" || host === "peer" || host === "lan") agent(host);
}
