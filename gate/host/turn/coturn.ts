/**
 * coturn as a subprocess of the gate: its files in a folder of mode 0700, its egress walled in before it starts, started again
 * with growing waits when it ends, and put away with the gate. Without nft it is not started at all: an open relay into the
 * gate's own site is worse than none.
 */
import { createHmac } from "node:crypto";
import type { Log } from "../../../mesh/host/log.ts";
import { hasTable } from "../../../mesh/host/nft.ts";
import type { Runner, RunningChild } from "../../../mesh/host/runner.ts";
import { openPrivateDir, writeSecret } from "../../../mesh/host/state_dir.ts";
import { errorLine, GhostError } from "../../../mesh/wire/errors.ts";
import { renderTurnConfig, type TurnPlan } from "../../core/turn/config.ts";
import { REMOVE_WALLS, renderWalls, TURN_TABLE } from "../../core/turn/egress.ts";

/** How coturn signs user names: HMAC-SHA1 by the secret, base64. */
export function signUsername(secret: string, username: string): string {
  return createHmac("sha1", secret).update(username).digest("base64");
}

const BACKOFF = [100, 500, 1_000, 2_000, 5_000, 10_000];
/** It runs well when it has run so long, in ms. */
const HEALTHY = 30_000;
/** How long it may take until it answers, and until it has ended, in ms. */
const PATIENCE = 10_000;
const POLL = 25;

export interface CoturnOptions {
  plan: TurnPlan;
  /** Folder for its files; made. */
  dir: string;
  certificate: { cert: string; key: string };
  secret: string;
  /** With `setpriv`, coturn ends when this process does, however that ends. */
  tools: { turnserver: string; nft: string; setpriv: string | null };
  runner: Runner;
  log: Log;
  /** Ends a start that is under way; what runs is ended by `close`. */
  signal?: AbortSignal;
}

export class Coturn {
  readonly #o: CoturnOptions;
  #secret: string;
  #child: RunningChild | null = null;
  #closed = false;
  #wake = () => {};
  #supervision: Promise<void> = Promise.resolve();
  #said: string[] = [];
  /** True when it is to start again at once, because we ended it. */
  #asked = false;

  private constructor(o: CoturnOptions) {
    this.#o = o;
    this.#secret = o.secret;
  }

  /**
   * Starts it and waits until it answers.
   * @throws GhostError when nft refuses the table or coturn does not start; nothing is left behind then
   */
  static async start(o: CoturnOptions): Promise<Coturn> {
    const coturn = new Coturn(o);
    await coturn.#wall(renderWalls(o.plan));
    try {
      await openPrivateDir(o.dir, { mend: "remove that folder" });
      await writeSecret(`${o.dir}/cert.pem`, o.certificate.cert);
      await writeSecret(`${o.dir}/key.pem`, o.certificate.key);
      await coturn.#launch();
    } catch (error) {
      await coturn.#clear().catch((why) => o.log.error("cannot clear up after coturn", { error: errorLine(why) }));
      throw error;
    }
    coturn.#supervision = coturn.#supervise();
    return coturn;
  }

  get #over(): boolean {
    return this.#closed || (this.#o.signal?.aborted ?? false);
  }

  /** Its process, for tests and reports; null between two lives. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts it again with another secret: every allocation ends, and only credentials made from the new secret count. */
  rotate(secret: string): void {
    this.#secret = secret;
    this.#asked = true;
    this.#child?.kill("SIGTERM");
    this.#wake();
  }

  /** Loads the egress rules again if somebody has flushed them; true when they were gone. */
  async ensureWall(): Promise<boolean> {
    const { runner, tools, plan } = this.#o;
    if (await hasTable(runner, tools.nft, TURN_TABLE)) return false;
    await this.#wall(renderWalls(plan));
    return true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    const child = this.#child;
    child?.kill("SIGTERM");
    const late = setTimeout(() => child?.kill("SIGKILL"), PATIENCE);
    await child?.status;
    await this.#supervision;
    clearTimeout(late);
    await this.#clear();
  }

  /** Removes its files, the secrets first of all, and its walls. */
  async #clear(): Promise<void> {
    await Deno.remove(this.#o.dir, { recursive: true }).catch(() => {});
    await this.#wall(REMOVE_WALLS);
  }

  async #wall(text: string): Promise<void> {
    const { runner, tools } = this.#o;
    const { code, stderr } = await runner.run(tools.nft, ["-f", "-"], { stdin: text });
    if (code === 0) return;
    throw new GhostError("missing_privilege", `Cannot wall in the relay (${stderr.trim().slice(0, 300)})`, {
      place: `nft table inet ${TURN_TABLE}`,
      mend: 'start the gate as root or with CAP_NET_ADMIN, or take "turn" out of fallback',
    });
  }

  async #launch(): Promise<void> {
    const { plan, dir, tools, runner } = this.#o;
    const files = { dir, cert: `${dir}/cert.pem`, key: `${dir}/key.pem` };
    // coturn would make them readable for others; nothing is kept in them, but nobody should have to know that.
    for (const file of ["turndb", "turnserver.pid"]) await writeSecret(`${dir}/${file}`, "");
    do { // again if yet another secret counts by the time that the file is written
      this.#asked = false;
      await writeSecret(`${dir}/turnserver.conf`, renderTurnConfig({ plan, files, secret: this.#secret }));
    } while (this.#asked);
    this.#said = [];
    // Nobody would end a child that came after the end: from here to `#child` nothing waits.
    if (this.#over) throw new GhostError("unreachable", "coturn is not started any more");
    const argv = [...leash(tools.setpriv), tools.turnserver, "-c", `${dir}/turnserver.conf`];
    const child = runner.spawn(argv[0]!, argv.slice(1), { onLine: (line) => this.#hear(line) });
    this.#child = child;
    let ended = false;
    void child.status.then(() => ended = true);
    for (const end = performance.now() + PATIENCE; !await answers(plan);) {
      if (!ended && performance.now() < end && !this.#over) {
        await new Promise((resolve) => setTimeout(resolve, POLL));
        continue;
      }
      child.kill("SIGKILL");
      await child.status;
      throw new GhostError("port_in_use", `coturn does not start (${this.#said.join(" ") || "no word from it"})`, {
        place: `${tools.turnserver} ports ${[plan.port, plan.tls].filter((p) => p !== null).join(" and ")}`,
        mend: "stop what has these ports (ss -lntup; Debian: systemctl disable --now coturn), or set others",
      });
    }
    // Something else may answer there: then coturn has ended, or is about to.
    if (ended) throw new GhostError("port_in_use", "Another program has coturn's port", { place: `port ${plan.port}` });
  }

  async #supervise(): Promise<void> {
    for (let failures = 0; !this.#closed; failures++) {
      const began = performance.now();
      const { code, signal } = await this.#child!.status;
      if (this.#closed) return;
      if (performance.now() - began > HEALTHY) failures = 0;
      if (!this.#asked) {
        this.#o.log.warn("coturn ended, starting it again", { code, signal: signal ?? undefined });
        await this.#pause(BACKOFF[Math.min(failures, BACKOFF.length - 1)]!);
      }
      while (!this.#closed) {
        try {
          await this.#launch();
          this.#o.log.info("coturn runs again");
          break;
        } catch (error) {
          if (this.#closed) return;
          if (this.#asked) continue; // it was ended in the midst of its start, for another secret
          this.#o.log.error("cannot bring coturn back yet", { error });
          await this.#pause(BACKOFF[Math.min(++failures, BACKOFF.length - 1)]!);
        }
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #hear(line: string): void {
    if (/ERROR|FATAL|Cannot|bind/i.test(line)) this.#said = [...this.#said.slice(-2), line.slice(0, 200)];
    this.#o.log.debug("coturn", { line: line.slice(0, 500) });
  }
}

/** What stands before the program: it dies with this process and, started by root, has of root's powers only the ports below 1024. */
function leash(setpriv: string | null): string[] {
  if (setpriv === null) return [];
  const bounds = Deno.uid() === 0 ? ["--bounding-set=-all,+net_bind_service", "--inh-caps=-all"] : [];
  return [setpriv, "--pdeathsig=KILL", "--no-new-privs", ...bounds, "--"];
}

async function answers({ listen, port }: TurnPlan): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: listen[0]!, port })).close();
    return true;
  } catch {
    return false;
  }
}
