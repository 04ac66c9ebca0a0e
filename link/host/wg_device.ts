/**
 * The WireGuard interface: the kernel's own where `ip link add NAME type wireguard` works, else a supervised wireguard-go.
 *
 * An interface is ours when its alias says `ghostlink OWNER` with our node's id: one that a crashed daemon left is taken
 * over (kernel) or replaced (wireguard-go, which ends when its interface is deleted, so no process has to be looked for).
 * Any other interface of that name is refused and left alone.
 *
 * Stale control sockets in /var/run/wireguard are left to wireguard-go, which replaces one that nobody answers on. One that
 * is answered while we see no interface belongs to another network namespace: removing it would end that tunnel, so refuse.
 */
import type { Log } from "../../mesh/host/log.ts";
import type { Runner, RunningChild } from "../../mesh/host/runner.ts";
import { parseJson } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { pause } from "../../mesh/wire/pause.ts";
import { parse, z } from "../../mesh/wire/schema.ts";
import { ALIAS_PREFIX } from "./ip_json.ts";
import { type LinkTools, runTool, toolError } from "./tools.ts";

/** Where wireguard-go may lie, newest first: our own build, the administrator's, the distribution's. */
export const WIREGUARD_GO: readonly string[] = [
  "/usr/local/lib/ghostmesh/wireguard-go",
  "/usr/local/bin/wireguard-go",
  "/usr/bin/wireguard-go",
];
/** How long a device may take to come or go, in ms. */
const PATIENCE = 5_000;
const POLL = 25;
/** Waits before wireguard-go is started again, in ms; the last one stays. */
const BACKOFF = [200, 500, 1_000, 5_000];

/** What `openDevice` needs to know. */
export interface DeviceOptions {
  name: string;
  /** Id of the node whose tunnel it is. */
  owner: string;
  runner: Runner;
  tools: Pick<LinkTools, "ip" | "wg">;
  log: Log;
  /** wireguard-go was started anew: nothing is configured any more, apply the whole plan again. */
  onRestart: () => void | Promise<void>;
  /** Other places of wireguard-go, first one that exists. */
  programs?: readonly string[];
}

/** The tunnel interface while the daemon runs. */
export interface Device {
  readonly name: string;
  readonly kind: "kernel" | "userspace";
  /** Path of wireguard-go; null with the kernel's. */
  readonly program: string | null;
  /** Removes the interface and ends wireguard-go. */
  close(): Promise<void>;
}

/**
 * Brings up the interface, without any configuration unless a kernel interface of ours was there.
 * @throws GhostError `port_in_use` (the name is taken), `missing_tool`, `missing_privilege`
 */
export async function openDevice(o: DeviceOptions): Promise<Device> {
  const link = new Link(o);
  const there = await link.info();
  if (there) {
    link.checkOwner(there.alias);
    if (there.kind === "wireguard") {
      o.log.info("Took over the interface of an earlier run", { interface: o.name });
      return { name: o.name, kind: "kernel", program: null, close: () => link.remove() };
    }
    o.log.info("Replacing the interface of an earlier run", { interface: o.name });
    await link.remove();
    await until(async () => !await link.answers(), () => foreignSocket(o.name));
  }
  if (await link.addKernel()) {
    await link.mark();
    return { name: o.name, kind: "kernel", program: null, close: () => link.remove() };
  }
  if (await link.answers()) throw foreignSocket(o.name);
  const program = await findProgram(o.programs ?? WIREGUARD_GO);
  if (program !== WIREGUARD_GO[0] && losesIpv6((await o.runner.run(program, ["--version"])).stdout)) {
    o.log.warn("This wireguard-go loses packets on machines with peers over both IPv4 and IPv6", {
      program,
      mend: `load the kernel's WireGuard (modprobe wireguard), or build ${WIREGUARD_GO[0]} by \`deno task setup\``,
    });
  }
  const device = new UserspaceDevice(o, link, program);
  await device.start();
  return device;
}

function foreignSocket(name: string): GhostError {
  return new GhostError("port_in_use", "A wireguard-go in another network namespace uses this name", {
    place: `/var/run/wireguard/${name}.sock`,
    mend: "choose another name with `interface` in ghostlink.toml",
  });
}

/** wireguard-go of 2023-02-23 is the last without the fault. */
const LAST_SOUND = 20230223;

/**
 * True for a wireguard-go that, once it has sent over IPv4, sends some packets over IPv6 to wrong addresses (its pull request
 * 135). Our own build has that mended (scripts/setup.ts).
 * @param said what `wireguard-go --version` printed
 */
export function losesIpv6(said: string): boolean {
  const version = /wireguard-go v?0\.0\.(\d{8})/.exec(said);
  return version !== null && Number(version[1]) > LAST_SOUND;
}

async function findProgram(programs: readonly string[]): Promise<string> {
  for (const program of programs) {
    if (await Deno.stat(program).then((info) => info.isFile, () => false)) return program;
  }
  throw new GhostError("missing_tool", "Neither the kernel's WireGuard nor wireguard-go is here", {
    place: programs.join(":"),
    mend: "modprobe wireguard, or apt-get install wireguard-go",
  });
}

const linkInfo = z.array(z.object({
  ifname: z.string().max(256).optional(),
  ifalias: z.string().max(256).optional(),
  linkinfo: z.object({ info_kind: z.string().max(256).optional() }).optional(),
})).max(16);

/** The network interface of the device's name. */
class Link {
  readonly #o: DeviceOptions;

  constructor(o: DeviceOptions) {
    this.#o = o;
  }

  get #alias(): string {
    return `${ALIAS_PREFIX}${this.#o.owner}`;
  }

  async info(): Promise<{ alias: string | null; kind: string | null } | null> {
    const { runner, tools, name } = this.#o;
    const result = await runner.run(tools.ip, ["-json", "-details", "link", "show", "dev", name]);
    if (result.code !== 0) {
      if (/does not exist|cannot find/i.test(result.stderr)) return null;
      throw toolError(result, `ip link show dev ${name}`);
    }
    const list = parse(linkInfo, parseJson(result.stdout, { place: "ip link" }), "ip link");
    const link = list.find((l) => l.ifname !== undefined);
    return link ? { alias: link.ifalias ?? null, kind: link.linkinfo?.info_kind ?? null } : null;
  }

  checkOwner(alias: string | null): void {
    if (alias === this.#alias) return;
    const { name } = this.#o;
    const whose = alias?.startsWith(ALIAS_PREFIX) ? "belongs to another GhostMesh node" : "exists and is not ours";
    throw new GhostError("port_in_use", `An interface of this name ${whose}`, {
      place: `interface ${name}`,
      mend: `choose another name with \`interface\` in ghostlink.toml, or remove it: ip link delete ${name}`,
    });
  }

  /** True when WireGuard answers under this name, whichever namespace it is in. */
  async answers(): Promise<boolean> {
    const { runner, tools, name } = this.#o;
    return (await runner.run(tools.wg, ["show", name, "listen-port"])).code === 0;
  }

  async addKernel(): Promise<boolean> {
    const { runner, tools, name } = this.#o;
    const result = await runner.run(tools.ip, ["link", "add", "name", name, "type", "wireguard"]);
    if (result.code === 0) return true;
    if (/unknown device type|not supported/i.test(result.stderr)) return false;
    throw toolError(result, `ip link add name ${name} type wireguard`);
  }

  async mark(): Promise<void> {
    const { runner, tools, name } = this.#o;
    await runTool(runner, [tools.ip, "link", "set", "dev", name, "alias", this.#alias]);
  }

  /** Deletes the interface if it is there and ours. */
  async remove(): Promise<void> {
    const { runner, tools, name } = this.#o;
    if ((await this.info())?.alias !== this.#alias) return;
    const result = await runner.run(tools.ip, ["link", "delete", "dev", name]);
    // It may have gone by itself between the two.
    if (result.code !== 0 && await this.info()) throw toolError(result, `ip link delete dev ${name}`);
  }
}

/** wireguard-go, kept running. */
class UserspaceDevice implements Device {
  readonly kind = "userspace";
  readonly program: string;
  readonly #o: DeviceOptions;
  readonly #link: Link;
  #child: RunningChild | null = null;
  readonly #closed = new AbortController();
  #supervision: Promise<void> = Promise.resolve();
  /** The last lines it wrote, for the error when it does not start. */
  #said: string[] = [];

  constructor(o: DeviceOptions, link: Link, program: string) {
    this.#o = o;
    this.#link = link;
    this.program = program;
  }

  get name(): string {
    return this.#o.name;
  }

  async start(): Promise<void> {
    await this.#launch();
    this.#supervision = this.#supervise();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#child?.kill("SIGTERM");
    const late = setTimeout(() => this.#child?.kill("SIGKILL"), PATIENCE);
    await this.#supervision;
    clearTimeout(late);
    await this.#link.remove();
  }

  /** Starts it and waits until it can be configured. */
  async #launch(): Promise<void> {
    this.#said = [];
    const child = this.#o.runner.spawn(this.program, ["-f", this.name], {
      env: { LOG_LEVEL: "error" },
      onLine: (line) => this.#hear(line),
    });
    this.#child = child;
    let ended: { code: number } | null = null;
    void child.status.then((status) => ended = status);
    try {
      await until(async () => {
        if (ended) throw this.#startError();
        return await this.#link.info() !== null && await this.#link.answers();
      }, () => this.#startError());
      await this.#link.mark();
    } catch (error) {
      child.kill("SIGKILL");
      await child.status;
      throw error;
    }
  }

  async #supervise(): Promise<void> {
    for (let failures = 0; !this.#closed.signal.aborted; failures++) {
      const began = Date.now();
      const { code, signal } = await this.#child!.status;
      if (this.#closed.signal.aborted) return;
      if (Date.now() - began > 30_000) failures = 0;
      this.#o.log.warn("wireguard-go ended, starting it again", { code, signal: signal ?? undefined });
      await pause(BACKOFF[Math.min(failures, BACKOFF.length - 1)]!, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      try {
        await this.#link.remove();
        if (this.#closed.signal.aborted) return;
        await this.#launch();
        if (!this.#closed.signal.aborted) await this.#o.onRestart();
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        this.#o.log.error("Cannot bring the tunnel back yet", { error });
      }
    }
  }

  #hear(line: string): void {
    // The box in which it recommends the kernel's WireGuard is no news: that was tried first.
    if (!/[a-z]/i.test(line) || line.includes("│")) return;
    this.#said = [...this.#said.slice(-4), line.slice(0, 300)];
    this.#o.log.debug("wireguard-go", { line });
  }

  #startError(): GhostError {
    const said = this.#said.join(" ");
    const place = `${this.program} -f ${this.name}`;
    if (/\/dev\/net\/tun/i.test(said) && /no such|does not exist/i.test(said)) {
      return new GhostError("missing_tool", "There is no TUN device", {
        place: "/dev/net/tun",
        mend: "modprobe tun, or give the container the device /dev/net/tun",
      });
    }
    if (/TUN device: permission denied/i.test(said)) {
      return new GhostError("missing_privilege", "May not open the TUN device", {
        place: "/dev/net/tun",
        mend: "start ghostlink as root, or as root: chmod 666 /dev/net/tun",
      });
    }
    if (/not permitted|permission denied/i.test(said)) return toolError({ code: 1, stdout: "", stderr: said }, place);
    return new GhostError("internal", `Did not start (${said || "no word from it"})`, { place });
  }
}

/** Polls until `done`; throws `late()` when that takes longer than the patience. */
async function until(done: () => Promise<boolean>, late: () => GhostError): Promise<void> {
  for (const end = Date.now() + PATIENCE; !await done();) {
    if (Date.now() > end) throw late();
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}
