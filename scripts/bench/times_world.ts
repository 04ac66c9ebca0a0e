/**
 * The world of the times bench: a coordinator, two gates, and alice and bob behind a home NAT each; alice has a second network, as a
 * telephone has. Every pair of machines that it makes there is new to the other: fresh keys, and a tag that only the two have.
 */
import type { Rung } from "../../mesh/wire/local.ts";
import { moveAway } from "../lab/delay.ts";
import { Lab } from "../lab/lab.ts";
import { Ping } from "../lab/ping.ts";
import { type Process, waitFor } from "../lab/process.ts";
import {
  createToken,
  GATE_TOML,
  initNetwork,
  joinLink,
  peers,
  runLink,
  setupCode,
  startGate,
  startMesh,
  status,
} from "../lab/programs.ts";
import {
  addHomes,
  addInternet,
  addLte,
  addPublic,
  blockUdp,
  COORDINATOR,
  GATE,
  ROUTER_A,
  ROUTER_B,
  unblockUdp,
} from "../lab/topology.ts";
import { latency } from "./measure.ts";
import { Tailnet, type Tailscale } from "./tailscale.ts";
import { type TailscaleTimes, tailscaleTimes } from "./tailscale_times.ts";
import { firstReply } from "./times.ts";

const LTE = "203.0.113.4";
const GATES = { g1: GATE, g2: "203.0.113.21" } as const;
type GateName = keyof typeof GATES;
/** Between two packets of every ping here, in ms. */
const EVERY = 10;
/** A path that is not direct by then never will be, in ms. */
const PATIENCE = 30_000;

/** So long after both are up, peers were pinged first where others were measured (their daemons had no traffic before either), in ms. */
const LATER = 3_000;

/** Data that has gone for so long, in ms, is known of (core/path/traffic.ts). */
const USED = 11_000;

/** A pair may move to a gate that has come back; then it stays, in ms. */
const SETTLED = 3_000;

/** When a fresh pair's first ping is sent: at the very moment when the second says that it is up, or {@link LATER}. */
export type When = "at once" | "later";

/** What became of a fresh pair, in ms; Infinity for never. */
export interface PairTimes {
  /** From the first ping that was sent. */
  firstReply: number;
  /** Until both have a direct path, from the second machine's word that it is up, and from its session with the gate. */
  direct: number;
  climb: number;
  /** From the start of the second machine's process until it says that it is up. */
  up: number;
}

export class TimesWorld implements AsyncDisposable {
  readonly #lab = new Lab();
  readonly #gates = new Map<GateName, Process>();
  #tailnet: Tailnet | undefined;
  #gateToken = "";
  #links: Process[] = [];
  #names: [string, string] = ["", ""];
  #address = "";
  #pairs = 0;
  #onLte = false;

  private constructor() {}

  /** @param o.pairs how many there will be @param o.delay of each machine's cable, each way, in ms; 0 is none */
  static async open(
    { pairs, delay, tailscale }: { pairs: number; delay: number; tailscale: Tailscale | null },
  ): Promise<TimesWorld> {
    const world = new TimesWorld();
    const lab = world.#lab;
    await addInternet(lab);
    const coordinator = await addPublic(lab, "coordinator", COORDINATOR);
    for (const [name, address] of Object.entries(GATES)) await addPublic(lab, name, address);
    const { alice } = await addHomes(lab);
    await addLte(lab, alice, LTE);
    if (delay > 0) await moveAway(lab, ["na", "nb", "lte"], delay);
    if (tailscale) world.#tailnet = await Tailnet.open(tailscale, lab);
    const tags = Array.from({ length: pairs }, (_, i) => `p${i}`);
    const acls = `[tags]\n${tags.map((tag) => `${tag} = []\n`).join("")}` +
      tags.map((tag) => `[[allow]]\nfrom = ["tag:${tag}"]\nto = ["tag:${tag}"]\n`).join("");
    await initNetwork(coordinator, await setupCode(await startMesh(coordinator, { acls })), { acls });
    world.#gateToken = await createToken(coordinator, "--gate", "--uses", "2");
    await world.#startGate("g1");
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.dispose();
  }

  async #startGate(name: GateName): Promise<void> {
    const config = GATE_TOML.replace("[relay]\n", `[relay]\nname = "${name}"\n`);
    const token = this.#gates.has(name) ? {} : { token: this.#gateToken };
    const gate = await startGate(this.#lab.host(name), { config, ...token });
    this.#gates.set(name, gate);
    await gate.line(/in step with the coordinator/);
  }

  /** Waits until alice and bob have a session with every gate. */
  async #sessions(): Promise<void> {
    for (const host of ["alice", "bob"]) {
      await waitFor(`sessions of ${host} with all gates`, async () => {
        const { gates } = await status(this.#host(host));
        return gates.length === this.#gates.size && gates.every(({ connected }) => connected);
      }, { timeout: 60_000, every: 100 });
    }
  }

  #host(name: string) {
    return this.#lab.host(name);
  }

  /** The round trip between alice and a gate, in ms, without any tunnel. */
  async gateRtt(): Promise<number> {
    return (await latency(this.#host("alice"), GATE, 50)).p50;
  }

  /** Ends the pair in hand, and lets the routers forget it. */
  async #clear(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.stop()));
    this.#links = [];
    for (const router of ["na", "nb"]) await this.#host(router).run(["conntrack", "-F"]);
  }

  /** Two machines that have never seen each other, from nothing to a direct path. They run on as the pair in hand. */
  async pair(when: When): Promise<PairTimes> {
    await this.#clear();
    const number = this.#pairs++;
    this.#names = [`a${number}`, `b${number}`];
    for (const host of ["alice", "bob"]) await this.#host(host).sh("rm -rf /var/lib/ghostlink/*");
    const token = await createToken(this.#host("coordinator"), "--tag", `tag:p${number}`, "--uses", "2");
    const join = (host: string, i: 0 | 1) => joinLink(this.#host(host), token, "--name", this.#names[i]);
    const first = join("alice", 0);
    await first.line(/ Session with a gate/);
    const second = join("bob", 1);
    this.#links = [first, second];
    const { at: start, match } = await second.line(/ is up: ([^ ,]+)/);
    this.#address = match[1]!;
    if (when === "later") await new Promise((resolve) => setTimeout(resolve, LATER));
    const ping = new Ping(this.#host("alice"), this.#address, EVERY);
    const direct = (link: Process, peer: string) => link.line(new RegExp(`^${peer}: direct`), { timeout: PATIENCE });
    const both = await Promise.all([direct(first, this.#names[1]), direct(second, this.#names[0])])
      .then((lines) => Math.max(...lines.map(({ at }) => at)), () => Infinity);
    const session = await second.line(/ Session with a gate/);
    await ping.first(PATIENCE).catch(() => {});
    await ping.stop();
    return {
      firstReply: firstReply(ping.process.lines, EVERY) ?? Infinity,
      direct: both - start,
      climb: both - session.at,
      up: start - second.startedAt,
    };
  }

  /**
   * The second machine's daemon ends and starts again from its state, while the first one pings it.
   * @returns ms from the start of its process until it says that it is up, and until its first answer
   */
  async restart(): Promise<{ up: number; reply: number }> {
    await this.#links[1]!.stop();
    const ping = new Ping(this.#host("alice"), this.#address, EVERY);
    const link = this.#links[1] = runLink(this.#host("bob"));
    const { at: up } = await link.line(/ is up: /);
    const { at: reply } = await ping.first(PATIENCE);
    await ping.stop();
    return { up: up - link.startedAt, reply: reply - link.startedAt };
  }

  /** The same with Tailscale on the same machines, or null where it is not at hand. The pair in hand ends, and so does this one. */
  async tailscalePair(when: When): Promise<TailscaleTimes | null> {
    if (!this.#tailnet) return null;
    await this.#clear();
    return await tailscaleTimes(this.#tailnet, {
      ends: [{ host: this.#host("alice"), router: ROUTER_A }, { host: this.#host("bob"), router: ROUTER_B }],
      after: when === "later" ? LATER : 0,
      every: EVERY,
      patience: PATIENCE,
    });
  }

  async #rung(rung: Rung): Promise<string> {
    const at = async (host: string, peer: string) => {
      const path = (await peers(this.#host(host))).find(({ name }) => name === peer)?.path;
      return path?.rung === rung ? path.endpoint : null;
    };
    return await waitFor(`${rung} at both ends`, async () => {
      const [a, b] = await Promise.all([at("alice", this.#names[1]), at("bob", this.#names[0])]);
      return rung === "direct" ? a !== null && b !== null && a : a !== null && a === b && a;
    }, { timeout: 60_000, every: 100 });
  }

  /** The longest time between two answers while `change` happens, until `over`. */
  async #gap(change: () => Promise<unknown>, over: () => Promise<unknown>): Promise<number> {
    const ping = new Ping(this.#host("alice"), this.#address, EVERY);
    await ping.first();
    await change();
    await over();
    const answered = () => ping.process.lines.length;
    const then = answered();
    await waitFor("answers afterwards", () => answered() > then + 50);
    return (await ping.stop()).longestGapMs;
  }

  /** Alice goes from one network to the other; gives the gap. */
  async roam(): Promise<number> {
    const alice = this.#host("alice");
    await this.#rung("direct");
    const [to, from, address, via] = this.#onLte
      ? ["eth0", "wwan0", "10.9.1.2", "10.9.1.1"] as const
      : ["wwan0", "eth0", "10.9.3.2", "10.9.3.1"] as const;
    this.#onLte = !this.#onLte;
    const script =
      'ip link set "$1" down; ip link set "$2" up; ip address replace "$3/24" dev "$2"; ip route replace default via "$4"';
    return await this.#gap(() => alice.sh(script, from, to, address, via), () => this.#rung("direct"));
  }

  /** A firewall comes between the two, who have exchanged data for a while; gives the gap. It is gone again afterwards. */
  async cutOff(): Promise<number> {
    if (this.#onLte) await this.roam();
    await this.#rung("direct");
    const router = this.#host("na");
    const gap = await this.#gap(async () => {
      await new Promise((resolve) => setTimeout(resolve, USED));
      await blockUdp(router, ROUTER_B);
    }, () => this.#rung("lane"));
    await unblockUdp(router);
    return gap;
  }

  /** Lets no direct path be from now on, with a second gate at hand, and waits for a lane. */
  async relayOnly(): Promise<void> {
    await this.#startGate("g2");
    if (this.#onLte) await this.roam();
    await blockUdp(this.#host("na"), ROUTER_B);
    await this.#gap(() => this.#rung("lane"), () => Promise.resolve());
  }

  /** The machine of the gate that carries the pair dies without a word; gives the gap. It is back afterwards. */
  async gateDies(): Promise<number> {
    await this.#sessions();
    await new Promise((resolve) => setTimeout(resolve, SETTLED));
    const gate = await this.#rung("lane") as GateName;
    const other = () => waitFor("a lane at the other gate", async () => await this.#rung("lane") !== gate);
    const gap = await this.#gap(async () => {
      await this.#host(gate).run(["ip", "link", "set", "eth0", "down"]);
      await this.#gates.get(gate)!.stop("SIGKILL");
    }, other);
    await this.#host(gate).run(["ip", "link", "set", "eth0", "up"]);
    await this.#startGate(gate);
    return gap;
  }
}
