/**
 * The matrix's network: one coordinator, one gate, and for each kind a machine on either side, made and joined when it is first
 * needed. A cell runs the daemons of two of them, freshly started, behind routers that remember nothing.
 */
import { Lab } from "../lab/lab.ts";
import { Ping } from "../lab/ping.ts";
import { createToken, joinLink, peers, runLink, startNetwork } from "../lab/programs.ts";
import { type Process, waitFor } from "../lab/process.ts";
import { addServers } from "../lab/topology.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import { expected, type Kind, KIND_NAMES } from "./kinds.ts";
import { addSide, type Side } from "./side.ts";

/** The gate's second address: an address-dependent mapping shows only where two addresses are asked. */
const SECOND = "203.0.113.21";
/** How long a cell may take to become what theory says, in ms. */
const PATIENCE = { direct: 20_000, guess: 75_000, relay: 8_000 };

export interface CellResult {
  rung: Rung;
  endpoint: string | null;
  /** Ms from the second daemon's start to the first answered ping, and to its direct path; null for never. */
  firstMs: number | null;
  directMs: number | null;
  /** Sequence numbers that were lost after the first answer; all of them where there was none. */
  lost: number[];
  sent: number;
}

/** All machines of the matrix. */
export class Matrix implements AsyncDisposable {
  readonly lab = new Lab();
  readonly #sides = new Map<string, Promise<Side>>();
  readonly #joined = new Set<string>();
  #token = "";

  private constructor() {}

  /** Starts coordinator and gate. */
  static async open(): Promise<Matrix> {
    const matrix = new Matrix();
    const { lab } = matrix;
    const { coordinator: admin, gate } = await addServers(lab);
    await gate.run(["ip", "address", "add", `${SECOND}/24`, "dev", "eth0"]);
    await startNetwork(lab, admin);
    matrix.#token = await createToken(admin, "--uses", String(2 * KIND_NAMES.length));
    return matrix;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.dispose();
  }

  #side(letter: "a" | "b", kind: Kind): Promise<Side> {
    const name = `${letter}${KIND_NAMES.indexOf(kind) + 1}`;
    const number = KIND_NAMES.indexOf(kind) + 1 + (letter === "a" ? 0 : KIND_NAMES.length);
    const side = this.#sides.get(name) ?? addSide(this.lab, { name, number, kind });
    this.#sides.set(name, side);
    return side;
  }

  #start({ host }: Side): Process {
    if (this.#joined.has(host.name)) return runLink(host);
    this.#joined.add(host.name);
    return joinLink(host, this.#token);
  }

  /** Runs one cell. @param o.says waits until the first machine says this of its path */
  async run(a: Kind, b: Kind, { says }: { says?: RegExp } = {}): Promise<CellResult> {
    const [from, to] = await Promise.all([this.#side("a", a), this.#side("b", b)]);
    for (const router of [...from.routers, ...to.routers]) await router.run(["conntrack", "-F"]);
    const first = this.#start(from);
    const links = [first];
    try {
      await first.line(/ is up: /);
      await first.line(a === "udpblock" ? /No session with a gate/ : / Session with a gate/);
      const second = this.#start(to);
      links.push(second);
      const { at: start, match } = await second.line(/ is up: ([^ ,]+)/);
      const ping = new Ping(from.host, match[1]!, 10);
      const timeout = PATIENCE[expected(a, b)];
      const direct = (link: Process, peer: Side) => link.line(new RegExp(`^${peer.host.name}: direct`), { timeout });
      const directMs = await Promise.all([direct(first, to), direct(second, from)])
        .then((lines) => Math.max(...lines.map(({ at }) => at)) - start, () => null);
      if (directMs !== null) await ping.first(15_000).catch(() => {}); // none at all is a result too
      const { lost, sent, received, firstMs } = await ping.stop(1_000);
      const look = async () => (await peers(from.host)).find((peer) => peer.name === to.host.name)?.path;
      if (says) await waitFor(`${says} of ${a} with ${b}`, async () => says.test((await look())?.why ?? ""));
      const path = await look();
      return {
        rung: path?.rung ?? "none",
        endpoint: path?.endpoint ?? null,
        firstMs: received === 0 ? null : firstMs + ping.started - start,
        directMs,
        lost: received === 0 ? lost : lost.filter((seq, i) => seq !== i + 1),
        sent,
      };
    } finally {
      await Promise.all(links.map((link) => link.stop()));
    }
  }
}

/** Whether a cell became what theory says. */
export function holds(a: Kind, b: Kind, { rung }: CellResult): boolean {
  if (expected(a, b) !== "relay") return rung === "direct";
  // Where UDP is blocked only one relay is left; elsewhere a lane is on its way at the latest.
  return a === "udpblock" || b === "udpblock" ? rung === "turn" : rung === "lane" || rung === "quic";
}
