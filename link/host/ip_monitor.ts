/** Tells when this machine's addresses, routes or interfaces change: a supervised `ip monitor`, debounced. */
import type { Log } from "../../mesh/host/log.ts";
import type { Runner, RunningChild } from "../../mesh/host/runner.ts";
import { errorLine } from "../../mesh/wire/errors.ts";
import { pause } from "../../mesh/wire/pause.ts";
import { ROUTE_PROTOCOL } from "../core/plan/mod.ts";
import type { LinkTools } from "./tools.ts";

/** Changes come in bursts (a DHCP renewal is a dozen lines); quiet for this long means it is over, in ms. */
const SETTLE = 250;
/** But never wait longer than this since the first one, in ms. */
const AT_MOST = 2_000;
/** Our own interface is looked after at most so often, in ms: most of its changes are ours. */
const APART = 1_000;
/** Waits before starting it again, in ms; the last one stays. */
const BACKOFF = [200, 1_000, 5_000];

/** A running monitor. */
export interface IpMonitor {
  stop(): Promise<void>;
}

/** Calls `run` once a burst of calls has settled, and never sooner than `apart` ms after the time before. */
function settled(run: () => void, apart: number): { call(): void; stop(): void } {
  let first = 0;
  let last = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    call() {
      const now = Date.now();
      if (timer === undefined) first = now;
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        last = Date.now();
        run();
      }, Math.max(0, Math.min(SETTLE, first + AT_MOST - now), last + apart - now));
    },
    stop: () => clearTimeout(timer),
  };
}

/**
 * Calls `onChange` after changes that concern other interfaces than our tunnel, and `onTouched` after those of our tunnel: we make
 * most of them, but whoever flushes routes or takes it down cuts this machine off. When `ip monitor` ended, what happened
 * meanwhile is unknown, so its restart counts as a change too.
 */
export function startIpMonitor(o: {
  runner: Runner;
  tools: Pick<LinkTools, "ip">;
  /** Our tunnel. */
  iface: string;
  log: Log;
  onChange: () => void;
  onTouched: () => void;
}): IpMonitor {
  const stopped = new AbortController();
  let child: RunningChild | undefined;
  // And routes of last resort, which have no interface.
  const own = new RegExp(
    `(^|[\\s:])${o.iface.replace(/[.]/g, "\\.")}([:@\\s]|$)|^(Deleted )?unreachable .* proto ${ROUTE_PROTOCOL} `,
  );

  const changed = settled(o.onChange, 0);
  const touched = settled(o.onTouched, APART);

  /** Runs until it ends, and says how. A machine that is out of processes for a moment is no reason to give up. */
  const once = async (): Promise<string> => {
    try {
      child = o.runner.spawn(o.tools.ip, ["-o", "monitor", "address", "route", "link"], {
        onLine: (line, stream) => {
          if (stream === "stdout") (own.test(line) ? touched : changed).call();
        },
      });
      return `exit code ${(await child.status).code}`;
    } catch (error) {
      return errorLine(error);
    }
  };

  const supervise = async () => {
    for (let failures = 0; !stopped.signal.aborted; failures++) {
      const began = Date.now();
      const why = await once();
      if (stopped.signal.aborted) return;
      if (Date.now() - began > 30_000) failures = 0;
      o.log.warn("ip monitor ended, starting it again", { why });
      await pause(BACKOFF[Math.min(failures, BACKOFF.length - 1)]!, stopped.signal);
      if (!stopped.signal.aborted) changed.call();
    }
  };
  const ended = supervise();
  return {
    async stop() {
      stopped.abort();
      changed.stop();
      touched.stop();
      child?.kill();
      await ended;
    },
  };
}
